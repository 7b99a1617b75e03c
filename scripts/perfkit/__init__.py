"""What scripts/perf measures with; failover_bench on a lab of three regions and two racks.

  rounds.py    a fault of the primary, and what writing clients see of it
  packets.py   who answers for a virtual IP, packet by packet
  vip_moves.py orderly and hard moves of a virtual IP, and clients after a heal
  idle.py      what an idle cluster costs
  rack_loss.py a rack is lost: the time to the next new lease
  results.py   rounds on disk, and their table
  boot_load.py clients and servers of boot_bench
"""
