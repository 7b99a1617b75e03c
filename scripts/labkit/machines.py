"""Virtual machines (qemu, TCG) and their BMCs (ipmi_sim): power control is real IPMI over lanplus.

KVM is not tried: where the device exists but cannot run stock kernels a machine hangs silently.
"""
import json
import os
import pathlib
import shutil
import signal

from .system import LabError, command_of, netns_pids, send_signal, spawn, wait_for

OVMF = {"uefi": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), "secureboot": ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd")}
CHASSIS = pathlib.Path(__file__).with_name("chassis")


def in_band_port(machine):
    return 9100 + machine.number


def qemu_argv(machine):
    """Its processors at low weight, network first, then disk; the serial port is a file."""
    folder = machine.folder
    argv = ["/usr/bin/nice", "-n", "10", "/usr/bin/qemu-system-x86_64", "-name", machine.name,
            "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", str(machine.cpus), "-m", str(machine.memory_mib),
            "-display", "none", "-nodefaults", "-serial", f"file:{machine.serial_log}",
            "-smbios", f"type=1,serial=LAB-{machine.name},manufacturer=Gantry,product=Lab machine",
            "-netdev", f"tap,id=n0,ifname={machine.tap},script=no,downscript=no",
            "-device", "virtio-rng-pci",
            "-drive", f"file={folder}/disk.img,if=none,id=d0,format=raw,cache=unsafe",
            "-device", f"virtio-blk-pci,drive=d0,bootindex=2,serial={machine.name}-disk0"]
    nic = f"virtio-net-pci,netdev=n0,mac={machine.mac},bootindex=1"
    if machine.in_band:
        argv += ["-chardev", f"socket,id=ipmi0,host=127.0.0.1,port={in_band_port(machine)},reconnect=5",
                 "-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0"]
    if machine.firmware == "bios":
        argv += ["-machine", "q35,graphics=off", "-device", nic]
    else:
        code, _ = OVMF[machine.firmware]
        secure = ["-global", "driver=cfi.pflash01,property=secure,value=on"] if machine.firmware == "secureboot" else []
        argv += ["-machine", "q35,graphics=off" + (",smm=on" if secure else ""), *secure,
                 "-device", f"{nic},romfile=",  # else ipxe-qemu's ROM hides the firmware's own PXE
                 "-drive", f"if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/{code}",
                 "-drive", f"if=pflash,format=raw,file={folder}/vars.fd"]
    return argv


def make(machine):
    """Disk, firmware variables, and the files of the BMC."""
    machine.folder.mkdir(parents=True, exist_ok=True)
    with open(machine.folder / "disk.img", "wb") as disk:
        disk.truncate(machine.disk_gib << 30)
    if machine.firmware != "bios":
        shutil.copyfile(f"/usr/share/OVMF/{OVMF[machine.firmware][1]}", machine.folder / "vars.fd")
    settings = {"argv": qemu_argv(machine), "pid_file": str(machine.folder / "qemu.pid"),
                "boot_file": str(machine.folder / "boot_device"), "log": str(machine.folder / "qemu.log"),
                "serial_log": str(machine.serial_log), "orders": str(machine.orders),
                "address": machine.bmc_address}
    (machine.folder / "machine.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    (machine.folder / "state").mkdir(exist_ok=True)
    auth = "\n".join(f"    allowed_auths_{level} none md2 md5 straight" for level in
                     ("callback", "user", "operator", "admin"))
    in_band = f'\n  serial 15 127.0.0.1 {in_band_port(machine)} codec VM' if machine.in_band else ""
    (machine.folder / "lan.conf").write_text(f"""name "{machine.name}"
set_working_mc 0x20
  startlan 1
    addr {machine.bmc_address} {machine.bmc_port}
    priv_limit admin
{auth}
    guid a123456789abcdefa1234567{machine.number:08x}
    lan_config_program "{CHASSIS} {machine.folder}/machine.json"
  endlan{in_band}
  chassis_control "{CHASSIS} {machine.folder}/machine.json"
  startnow false
  user 2 true "{machine.bmc_user}" "{machine.bmc_password}" admin 10 none md2 md5 straight
""", encoding="utf-8")
    (machine.folder / "bmc.emu").write_text("""mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
""", encoding="utf-8")


def start_bmc(plan, machine):
    folder = machine.folder
    spawn(plan.hub, ["/usr/bin/ipmi_sim", "-c", folder / "lan.conf", "-f", folder / "bmc.emu",
                     "-s", folder / "state", "-n"], folder / "bmc.log")


def pids(plan, machine):
    """{"qemu": pid, "bmc": pid}: those that run now."""
    found = {}
    for pid in netns_pids(plan.hub):
        command = command_of(pid)
        if not command:
            continue
        argv = command[1]
        if "qemu-system" in argv[0] and machine.name in argv:
            found["qemu"] = pid
        elif argv[0].endswith("ipmi_sim") and str(machine.folder / "lan.conf") in argv:
            found["bmc"] = pid
    return found


def stop_all(plan):
    for machine in plan.machines:
        send_signal(pids(plan, machine).values(), signal.SIGKILL)
    wait_for("the virtual machines to end",
             lambda: not any(pids(plan, m) for m in plan.machines), 10)


def describe(plan, machine):
    return {"name": machine.name, "mac": machine.mac, "firmware": machine.firmware,
            "bmc": {"address": machine.bmc_address, "port": machine.bmc_port, "user": machine.bmc_user,
                    "password": machine.bmc_password},
            "serial_log": str(machine.serial_log), "pids": pids(plan, machine)}


def check_tools(plan):
    needed = ["/usr/bin/ipmi_sim", "/usr/bin/qemu-system-x86_64"] if plan.machines else []
    needed += [f"/usr/share/OVMF/{OVMF[machine.firmware][0]}" for machine in plan.machines if machine.firmware != "bios"]
    for path in needed:
        if not os.path.exists(path):
            raise LabError(f"{path} is missing: run scripts/setup")
