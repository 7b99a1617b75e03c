"""A real sshd on loopback whose one account has a password and, for a shell, a stand-in of a management console. The account lives in a
mount namespace of its own: the host's /etc/passwd is not touched."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from regions import free_port, wait_for

CONSOLE = '''#!/usr/bin/python3
"""The shell of the account: -c LINE. It knows the commands of IBM's HMC, HP's Moonshot chassis manager and Facebook's Wedge."""
import pathlib, sys
folder = pathlib.Path(sys.argv[0]).parent
line, power = sys.argv[2], folder / "power"
with open(folder / "typed", "a") as typed:
    typed.write(line + "\\n")
on = power.read_text() == "on"
answers = {
    "/usr/local/bin/wedge_power.sh status": f"Microserver power is {'on' if on else 'off'}\\n",
    "show node power c1n1": f"\\r\\nCartridge #1\\r\\n  Node #1\\r\\n\\tPower State: {'On' if on else 'Off'}\\r\\n",
    "show node macaddr all": "show node macaddr all\\r\\r\\nSlot ID    NIC 1 (Switch A)  NIC 2 (Switch B)\\r\\n"
        "---- ----- ----------------- -----------------\\r\\n  1  c1n1  a0:1d:48:b5:04:34 a0:1d:48:b5:04:35\\r\\n"
        "  2  c2n1  N/A               N/A\\r\\n 45  c45n1 a0:1d:48:b5:05:01 N/A\\r\\n 45  c45n2 a0:1d:48:b5:05:02 N/A\\r\\n\\r\\n",
    "show node info c1n1": "\\r\\nCartridge #1\\r\\n  Product Name: ProLiant m300 Server Cartridge\\r\\n",
    "show node info c45n1": "\\r\\nCartridge #45\\r\\n  Product Name: ProLiant m400 Server Cartridge\\r\\n",
    "lssyscfg -m 'sys 1' -r lpar -F state --filter 'lpar_names=lp-1'": "Running\\n" if on else "Not Activated\\n",
    "set node bootonce pxe c1n1": "Node boots from PXE once\\r\\n",
}
changes = {
    "/usr/local/bin/wedge_power.sh on": "on", "/usr/local/bin/wedge_power.sh off": "off",
    "set node power on c1n1": "on", "set node power off force c1n1": "off",
    "chsysstate -r lpar -m 'sys 1' -o on -n 'lp-1' --bootstring network-all": "on",
    "chsysstate -r lpar -m 'sys 1' -o shutdown -n 'lp-1' --immed": "off",
}
if line in changes:
    power.write_text(changes[line])
elif line in answers:
    sys.stdout.write(answers[line])
else:
    sys.exit("HSCL1234 There is no such thing: " + line)
'''


class Console:
    def __init__(self, password):
        self.folder, self.port = pathlib.Path(tempfile.mkdtemp(prefix="gantry-console-")), free_port()
        folder = self.folder
        folder.chmod(0o755)
        for name, text, mode in (("console", CONSOLE, 0o755), ("power", "off", 0o666), ("typed", "", 0o666)):
            (folder / name).write_text(text)
            (folder / name).chmod(mode)
        digest = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True, check=True, capture_output=True).stdout
        (folder / "passwd").write_text(f"root:x:0:0::/:/bin/sh\nsshd:x:65533:65533::{folder}:/bin/false\n"
                                       f"admin:x:65534:65534::{folder}:{folder}/console\n")
        (folder / "shadow").write_text(f"root:*:1::::::\nsshd:*:1::::::\nadmin:{digest.strip()}:1::::::\n")
        (folder / "config").write_text(f"ListenAddress 127.0.0.1:{self.port}\nHostKey {folder}/key\nPasswordAuthentication yes\nUsePAM no\n"
                                       f"PidFile none\nPermitTTY no\nPrintMotd no\nMaxAuthTries 2\nStrictModes no\n")
        self.process = None
        self.start()

    def start(self):
        """With a host key of its own."""
        for name in ("key", "key.pub"):
            (self.folder / name).unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key"], check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        binds = " && ".join(f"mount --bind {self.folder}/{name} /etc/{name}" for name in ("passwd", "shadow"))
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", f"{binds} && exec /usr/sbin/sshd -D -e -f {self.folder}/config"],
                                        stderr=open(self.folder / "log", "a", encoding="utf-8"))
        wait_for("sshd", lambda: b"SSH-2.0" in subprocess.run(["ssh-keyscan", "-p", str(self.port), "127.0.0.1"], check=False,
                                                             capture_output=True).stderr)

    @property
    def power(self):
        return (self.folder / "power").read_text()

    @power.setter
    def power(self, power):
        (self.folder / "power").write_text(power)

    def changes(self):
        return [line for line in (self.folder / "typed").read_text().splitlines() if not any(word in line for word in ("status", "show", "lssys"))]

    def close(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        shutil.rmtree(self.folder)
