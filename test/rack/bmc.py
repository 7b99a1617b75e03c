"""A BMC (ipmi_sim) of its own process on loopback, with a machine whose power is a file."""
import pathlib
import socket
import subprocess
import sys
import time

CHASSIS = '''#!/usr/bin/python3
"""Called by ipmi_sim: get power|boot, set power|reset|boot VALUE."""
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
words = sys.argv[2:]
with open(folder / "chassis.log", "a") as log:
    log.write(" ".join(words) + "\\n")
if (folder / "late").exists() and words[:2] == ["set", "power"]:  # the machine follows so many seconds later
    (folder / "next").write_text(f"{time.time() + float((folder / 'late').read_text())} {words[2]}")
    sys.exit(0)
if (folder / "next").exists() and float((folder / "next").read_text().split()[0]) < time.time():
    (folder / "power").write_text((folder / "next").read_text().split()[1])
if (folder / "stuck").exists() and words[:2] == ["set", "power"]:
    sys.exit(0)
while words:
    if words[0] == "get":
        name = words[1]
        value = (folder / name).read_text() if (folder / name).exists() else "0" if name == "power" else "default"
        print(f"{name}:{value}")
        words = words[2:]
    else:
        (folder / ("power" if words[1] in ("power", "shutdown") else words[1])).write_text(
            "0" if words[1] == "shutdown" else words[2])
        if words[1] == "reset":
            (folder / "power").write_text("1")
        words = words[3:]
'''


class Bmc:
    def __init__(self, folder, user="maas", password="s3cretpw", privilege="admin", address="127.0.0.1", port=0, prefix=()):
        """prefix: of commands, to run it in a namespace; then say its port."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.user, self.password, self.address, self.port = user, password, address, port
        if not port:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((self.address, 0))
                self.port = probe.getsockname()[1]
        chassis = self.folder / "chassis"
        chassis.write_text(CHASSIS)
        chassis.chmod(0o755)
        (self.folder / "state").mkdir(exist_ok=True)
        auth = "\n".join(f"    allowed_auths_{level} none md2 md5 straight"
                         for level in ("callback", "user", "operator", "admin"))
        (self.folder / "lan.conf").write_text(f"""name "bmc"
set_working_mc 0x20
  startlan 1
    addr {self.address} {self.port}
    priv_limit admin
{auth}
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{chassis} {self.folder}"
  startnow false
  user 2 true "{user}" "{password}" {privilege} 10 none md2 md5 straight
""")
        (self.folder / "bmc.emu").write_text("""mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
""")
        self.process = subprocess.Popen(
            [*prefix, "/usr/bin/ipmi_sim", "-c", self.folder / "lan.conf", "-f", self.folder / "bmc.emu",
             "-s", self.folder / "state", "-n"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "log", "wb"))
        deadline = time.monotonic() + 10
        while subprocess.run([*prefix, "ipmitool", "-I", "lanplus", "-H", self.address, "-p", str(self.port), "-U", user, "-P",
                              password, "-L", privilege.upper().replace("ADMIN", "ADMINISTRATOR"), "-C", "3",
                              "chassis", "status"], capture_output=True,
                             check=False).returncode:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()

    def parameters(self, **changes):
        return {"power_address": self.address, "power_port": str(self.port), "power_user": self.user,
                "power_pass": self.password, **changes}

    @property
    def power(self):
        path = self.folder / "power"
        return path.read_text() if path.exists() else "0"

    @power.setter
    def power(self, value):
        (self.folder / "power").write_text(value)

    @property
    def asked(self):
        return (self.folder / "chassis.log").read_text().splitlines()

    def close(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    bmc = Bmc(sys.argv[1])
    print(bmc.port, flush=True)
    bmc.process.wait()
