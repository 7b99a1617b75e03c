"""scripts/check_layers finds what is planted, and stays silent on a clean tree."""
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "check_layers"
CMAKE = """project(x C)
room(src/base)
room(src/wire   ROOMS base       LIBRARIES openssl curl)
room(src/db     ROOMS base       LIBRARIES pq)
room(raft       ROOMS base wire  LIBRARIES raft)
room(src/region ROOMS base wire db raft LIBRARIES microhttpd)
"""
CLEAN = {
    "src/base/error.h": "/* Errors. */\n#pragma once\n\n/** What. */\nint error_set(struct error *err, void (*call)(int), ...)\n"
    "    __attribute__((format(printf, 1, 2)));\nvoid error_fail(void) __attribute__((noreturn));\n",
    "src/base/error.c": '/* Errors. */\n#include "src/base/error.h"\n#include <stdio.h>\n\nstatic const struct row {\n    int x;\n}'
    ' rows[] = {{1}};\n\nint error_set(struct error *err, void (*call)(int), ...)\n{\n    return rows[0].x;\n}\n\n'
    "static int plain(void *data_of_handle)\n{\n    return handle->data == 0;\n}\n",
    "src/base/loop.h": "/* Loop. */\n#pragma once\n#include <uv.h>\nint loop_run(void);\n",
    "src/base/loop_blocking.c": '/* Loop. */\n#include "src/base/loop.h"\nint loop_run(void)\n{\n    return 0;\n}\n',
    "src/wire/tls.c": '/* TLS. */\n#include <openssl/ssl.h>\n#include "src/base/error.h"\n',
    "raft/log.c": "/* Log. */\n#include <raft.h>\n#include <raft/uv.h>\n",
    "src/region/region_http.c": "/* HTTP. */\n#include <microhttpd.h>\n",
}


def check(tmp_path, planted):
    files = {"CMakeLists.txt": CMAKE, **CLEAN, **planted}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = subprocess.run([SCRIPT, "--root", tmp_path], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.returncode == (1 if result.stdout else 0)
    return result.stdout


def body(lines):
    return "{\n" + "    x();\n" * lines + "}\n"


def test_clean_tree_is_silent(tmp_path):
    assert check(tmp_path, {}) == ""


@pytest.mark.parametrize("name, text, found", [
    ("src/base/a.c", '#include "src/wire/tls.h"', "src/base/a.c:2: room base may not include room wire"),
    ("src/wire/a.c", '#include "raft/log.h"', "room wire may not include room raft"),
    ("src/wire/a.c", '#include "tls.h"', "write the path from the root"),
    ("src/wire/a.c", '#include "src/base/gone.h"', "does not exist"),
    ("src/db/a.c", "#include <openssl/evp.h>", "library openssl is not for room db"),
    ("src/region/store.c", "#include <libpq-fe.h>", "library pq is not for room region"),
    ("src/wire/a.c", "#  include <raft.h>", "library raft is not for room wire"),
    ("src/wire/a.c", "#include <raft/fixture.h>", "library raft is not for room wire"),
    ("src/region/machine_api.c", "#include <microhttpd.h>", "files named *http* only"),
    ("src/base/log.c", "#include <ini.h>", "inih is for src/base/config only"),
    ("src/base/a.c", "int other(void)\n{\n}", "src/base/a.c:2: other is not static and does not begin with a_"),
    ("src/base/a.h", "#pragma once\nint b_x(struct a *a,\n        int y);", "a.h:3: b_x is not static"),
    ("src/base/loop_x.c", "int lop_x(void)\n{\n}", "does not begin with loop_x_"),
    ("raft/raft_io.c", "int raft_io_x(void)\n{\n}", "has the prefix of a library"),
    ("src/base/a.c", "static int f(void)\n" + body(71), "a.c:2: f has 71 lines, 70 are allowed"),
    ("src/base/a.c", "static int f(void)\n{\n    struct x *state;\n}", "a.c:4: state says nothing"),
    ("src/base/a.c", "static int f(int data, int y)\n{\n}", "data says nothing"),
    ("src/base/a.c", "struct node {\n    int x;\n};", "node says nothing"),
    ("src/base/util.c", "static int x;", "util is no name for a file"),
    ("src/base/a.h", "int a_x(void);", "no #pragma once"),
    ("src/base/a.c", "int x;\n" * 799, "801 lines, 800 are allowed"),
    ("src/other/a.c", "static int x;", "lies in no room"),
], ids=lambda value: value[:20])
def test_planted_violation_is_found(tmp_path, name, text, found):
    out = check(tmp_path, {name: "/* A file. */\n" + text + "\n"})
    assert found in out
    assert len(out.splitlines()) == 1, out


def test_what_pytest_remembers_is_no_source(tmp_path):
    assert check(tmp_path, {"test/.pytest_cache/v/nodeids": "x\n" * 900}) == ""


@pytest.mark.parametrize("text", [
    "static int f(void)\n" + body(70),
    '/* #include "src/region/x.h" and int data; */\nstatic const char *x = "int data;";',
    "static int f(void)\n{\n    return state;\n}",
    "typedef int (*callback)(int x);",
    "static struct a made(void)\n{\n    struct a x = {.y = {1, 2}};\n    return x;\n}",
    "enum a_kind {\n#define X(n) A_##n,\n    TABLE(X)\n#undef X\n};",
])
def test_lawful_code_is_left_alone(tmp_path, text):
    assert check(tmp_path, {"src/base/a.c": "/* A file. */\n" + text + "\n"}) == ""


def test_missing_head(tmp_path):
    assert "a.c:1: no head" in check(tmp_path, {"src/base/a.c": "static int x;\n"})


def test_head_may_name_further_prefixes(tmp_path):
    header = "/*\n * Addresses. names: mac_ ip4_\n */\n#pragma once\nint mac_parse(void);\nint address_x(void);\n"
    source = "/* Addresses. */\nint ip4_net(void)\n{\n    return 0;\n}\n"
    assert check(tmp_path, {"src/base/address.h": header, "src/base/address.c": source}) == ""


def test_tables_may_be_long(tmp_path):
    assert check(tmp_path, {"src/base/actions.def": "X(1)\n" * 2000}) == ""


def test_room_order_and_unknown_library(tmp_path):
    out = check(tmp_path, {"CMakeLists.txt": CMAKE + "room(src/x ROOMS later LIBRARIES zz)\nroom(src/later ROOMS base)\n"})
    assert "names later, which does not stand above it" in out
    assert "unknown library zz" in out


def test_no_rooms_is_no_pass(tmp_path):
    assert "no room() lines" in check(tmp_path, {"CMakeLists.txt": "project(x C)\n"})
