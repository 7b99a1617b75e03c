"""The lab: regions, racks and machines as network namespaces and virtual machines on one host.

  plan.py      names, addresses and files of a lab: everything is derived from its name
  system.py    commands, processes by namespace, waiting
  network.py   namespaces, bridges, links, isolation
  hosts.py     configuration and processes of regions and racks
  machines.py  virtual machines and their BMCs (qemu, ipmi_sim)
  bringup.py   up and down, step by step
  cli.py       the command line
  members.py   what the regions say of themselves
  probers.py   clients that never stop (each a program of its own: prober)
  discover.py  a machine is powered on, watched and found in the API
  life.py      a machine through the API: enlisted, commissioned, deployed, released
  wire.py      what goes over a machine's cable
  judge.py     what a life left behind: was anything lost or done twice
  mirror.py    a slow web server of images
  stage.py     a lab of its own for a story, and its end
  demo.py      the second half of scripts/demo
  kills.py     scripts/kills; kill_points.py has the points, under_fire.py a life with some of them
"""
