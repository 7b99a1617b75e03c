-- The step that a machine reported last, as the status webhook names it; '' when something else
-- happened since.
ALTER TABLE node ADD COLUMN status_action text NOT NULL DEFAULT '';
