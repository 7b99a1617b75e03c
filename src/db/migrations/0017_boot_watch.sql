-- Machines that were started and are not heard: the leader starts them again.
ALTER TABLE node ADD COLUMN heard timestamptz; -- when it last spoke of itself, to half a minute
ALTER TABLE duty_clock ADD COLUMN since timestamptz NOT NULL DEFAULT now(); -- looked without a break
