-- How far retention has looked through the log of messages, and how many of them it deleted: what
-- is left can be told without counting, and a reader that comes too late is told so.
ALTER TABLE registry ADD COLUMN messages_pruned_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registry ADD COLUMN messages_pruned INTEGER NOT NULL DEFAULT 0;
