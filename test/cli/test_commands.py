"""What gantry prints and how it exits, against stand-ins for a region."""
import json
import stat
import subprocess

import pytest

from conftest import BUILD, KEY


def lines(*values):
    return [json.dumps(value).encode() + b"\n" for value in values]


def login(gantry, endpoint, name="lab"):
    result = gantry("login", name, endpoint.url, KEY)
    assert result.returncode == 0, result.stderr


# --- help -------------------------------------------------------------------------------------------------------------

def test_without_words_it_teaches_and_fails(gantry):
    result = gantry()
    assert result.returncode == 2
    assert "usage: gantry" in result.stdout and "say what to do" in result.stderr


@pytest.mark.parametrize("words", [["--help"], ["help"], ["login", "--help"], ["cluster", "init", "-h"], ["cluster", "--help"],
                                   ["cluster", "join", "--help"], ["user", "--help"], ["user", "whoami", "--help"],
                                   ["status", "--help"], ["completion", "--help"], ["profile", "list", "--help"]])
def test_help_is_no_failure(gantry, words):
    result = gantry(*words)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: gantry")


@pytest.mark.parametrize("words", [["spaceship"], ["cluster", "fly"], ["user", "fly"], ["user"], ["user", "whoami", "x"],
                                   ["status", "--what"], ["login", "a"], ["login", "a", "ftp://x", KEY],
                                   ["login", "a", "http://127.0.0.1:1/", "no-key"], ["--profile"], ["completion", "fish"],
                                   ["cluster", "join"], ["cluster", "join", "not-a-token"], ["cluster", "init"]])
def test_wrong_use_is_status_2_with_one_line(gantry, words):
    result = gantry(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("gantry: ") and result.stderr.count("\n") == 1


# --- control socket ---------------------------------------------------------------------------------------------------

def test_no_region_here(gantry):
    result = gantry("status")
    assert result.returncode == 6
    assert "is gantry-regiond running on this host" in result.stderr


def test_status(gantry, control):
    report = {"ok": True, "verdict": "healthy", "advice": "", "members": [{"name": "region1", "reachable": True}]}
    control.answers = [lines(report), lines(report)]
    result = gantry("status")
    assert result.returncode == 0 and result.stdout.splitlines()[0] == "healthy" and "region1" in result.stdout
    result = gantry("cluster", "status", "--json")
    del report["ok"]
    assert json.loads(result.stdout) == report
    assert control.requests == [{"command": "status"}] * 2


def test_progress_goes_to_stderr_and_the_result_to_stdout(gantry, control):
    first, last = lines({"progress": "making the CA"}, {"ok": True, "cluster": "lab", "api_key": KEY})
    control.answers = [[first[:5], first[5:] + last[:3], last[3:]]]
    result = gantry("cluster", "init", "--name", "lab", "--admin-password-file", "-", stdin="pass word\n")
    assert result.returncode == 0
    assert result.stderr == "  making the CA\n"
    assert result.stdout.split() == ["cluster", "lab", "api_key", KEY]
    assert control.requests == [{"command": "cluster init", "name": "lab", "admin_password": "pass word"}]


def test_token_stands_alone_on_stdout(gantry, control):
    control.answers = [lines({"ok": True, "token": "abc", "expires": 1})]
    assert gantry("cluster", "token", "create", "--role=rack").stdout == "abc\n"


@pytest.mark.parametrize("answer, status, text", [
    (lines({"ok": False, "error": "conflict", "message": "is a cluster already"}), 5, "cluster init: is a cluster already"),
    (lines({"ok": False, "error": "not allowed", "message": "no"}), 3, "no"),
    (lines({"ok": False, "error": "what"}), 1, "without saying why"),
    (lines({"other": 1}), 1, "same version"),
    ([b"no json\n"], 1, "same version"),
    ([], 6, "went away before it answered"),
    ([b'{"ok": tr'], 6, "went away before it answered"),
    ([b"x" * (1 << 20) + b"\n"], 1, "too long"),
])
def test_what_regiond_answers(gantry, control, answer, status, text):
    control.answers = [answer]
    result = gantry("cluster", "init", "--name", "lab")
    assert result.returncode == status
    assert text in result.stderr and result.stdout == ""


# --- profiles ---------------------------------------------------------------------------------------------------------

def test_login_list_use_logout(gantry, endpoint):
    login(gantry, endpoint)
    login(gantry, endpoint, "other")
    profiles = gantry.folder / "config" / "gantry" / "profiles.json"
    assert stat.S_IMODE(profiles.stat().st_mode) == 0o600
    assert gantry("profile", "use", "lab").returncode == 0
    rows = json.loads(gantry("profile", "list", "--json").stdout)
    assert [(row["name"], row["in_use"]) for row in rows] == [("lab", True), ("other", False)]
    assert KEY not in gantry("profile", "list").stdout
    assert gantry("logout", "other").returncode == 0
    assert gantry("logout", "other").returncode == 4
    assert "other" not in profiles.read_text()


def test_login_reads_the_key_from_stdin(gantry, endpoint):
    result = gantry("login", "lab", endpoint.url, stdin=KEY + "\n")
    assert result.returncode == 0 and "as admin" in result.stdout
    assert 'oauth_consumer_key="consumer1"' in endpoint.requests[0][2]["Authorization"]


def test_login_with_a_wrong_key_keeps_nothing(gantry, endpoint):
    endpoint.answers["GET /MAAS/api/2.0/users/?op=whoami"] = (401, "text/plain", b"Authorization Error: Invalid API key.")
    result = gantry("login", "lab", endpoint.url, KEY)
    assert result.returncode == 3 and "does not accept this API key" in result.stderr
    assert not (gantry.folder / "config").exists()


def test_login_at_something_else(gantry, endpoint):
    endpoint.json("GET /MAAS/api/2.0/users/?op=whoami", {"hello": 1})
    assert gantry("login", "lab", endpoint.url, KEY).returncode == 1


def test_profile_by_flag_and_environment(gantry, endpoint):
    login(gantry, endpoint)
    assert gantry("user", "whoami", "--profile", "gone").returncode == 2
    assert gantry("user", "whoami", GANTRY_PROFILE="gone").returncode == 2
    assert gantry("user", "whoami", "--profile=lab", GANTRY_PROFILE="gone").returncode == 0


# --- API --------------------------------------------------------------------------------------------------------------

def test_table_and_json(gantry, endpoint):
    login(gantry, endpoint)
    assert gantry("user", "whoami").stdout.splitlines() == ["username      admin", "is_superuser  yes"]
    assert json.loads(gantry("--json", "user", "whoami").stdout) == {"username": "admin", "is_superuser": True}


def test_parameters_reach_the_api(gantry, endpoint):
    login(gantry, endpoint)
    endpoint.json("GET /MAAS/api/2.0/version/?a=b%20c&a=%2F", {"version": "3.4.0"})
    result = gantry("version", "read", "a=b c", "a=/")
    assert result.returncode == 0 and "3.4.0" in result.stdout


@pytest.mark.parametrize("status, body, expected, text", [
    (400, b'{"name": ["is taken"]}', 2, "name: is taken (HTTP 400)"),
    (401, b"no", 3, 'the API key of profile "lab" is not accepted'),
    (403, b"no", 3, "no (HTTP 403)"),
    (404, b"Not Found", 4, "Not Found (HTTP 404)"),
    (409, b"busy", 5, "busy (HTTP 409)"),
    (500, b"broken", 1, "broken (HTTP 500)"),
    (503, b"later", 6, "later (HTTP 503)"),
])
def test_errors_of_the_api(gantry, endpoint, status, body, expected, text):
    login(gantry, endpoint)
    endpoint.answers["GET /MAAS/api/2.0/version/"] = (status, "text/plain", body)
    result = gantry("version", "read")
    assert result.returncode == expected
    assert text in result.stderr and result.stderr.startswith("gantry: version read: ")


def test_unreachable_api_says_what_to_check(gantry, endpoint):
    login(gantry, endpoint)
    endpoint.close()
    result = gantry("version", "read")
    assert result.returncode == 6
    assert "is the address of profile" in result.stderr and "gantry status" in result.stderr


def test_text_and_bytes_pass_unchanged(gantry, endpoint):
    login(gantry, endpoint)
    endpoint.answers["GET /MAAS/api/2.0/version/"] = (200, "text/plain", b"plain")
    assert gantry("version", "read").stdout == "plain\n"
    endpoint.answers["GET /MAAS/api/2.0/version/"] = (200, "application/octet-stream", b"a\x00b")
    assert gantry("version", "read").stdout == "a\0b"
    endpoint.answers["GET /MAAS/api/2.0/version/"] = (200, "application/json", b"{broken")
    assert gantry("version", "read").returncode == 1


# --- completion -------------------------------------------------------------------------------------------------------

def completed(gantry, *words):
    script = gantry("completion", "bash").stdout
    program = f'{script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _gantry; printf "%s\\n" "${{COMPREPLY[@]}}"'
    result = subprocess.run(["bash", "-c", program, "bash", "gantry", *words], capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_completion_in_bash(gantry):
    assert {"cluster", "status", "login", "user", "version"} <= set(completed(gantry, ""))
    assert completed(gantry, "vers") == ["version"]
    assert completed(gantry, "cluster", "") == ["join", "status", "init", "token", "remove"]
    assert completed(gantry, "cluster", "token", "c") == ["create"]
    assert completed(gantry, "cluster", "init", "--admin-u") == ["--admin-user"]
    assert completed(gantry, "--profile", "x", "user", "who") == ["whoami"]


def test_completion_in_zsh_is_made(gantry):
    assert "bashcompinit" in gantry("completion", "zsh").stdout


def test_version(gantry):
    assert gantry("--version").stdout.startswith("gantry 0.")
    assert (BUILD / "gantry").is_file()
