"""The lab: regions, racks and machines as network namespaces and virtual machines on one host.

  plan.py      names, addresses and files of a lab: everything is derived from its name
  system.py    commands, processes by namespace, waiting
  network.py   namespaces, bridges, links, isolation
  hosts.py     configuration and processes of regions and racks
  machines.py  virtual machines and their BMCs (qemu, ipmi_sim)
  bringup.py   up and down, step by step
  cli.py       the command line
"""
