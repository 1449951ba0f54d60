-- What follows from a row is kept by the database itself, within the statement that writes the row:
-- a statement of its own for each counter would cost more than the rows.

-- Rises with every change of a receiver or group: whoever knows them at this number knows them.
ALTER TABLE registry ADD COLUMN definitions INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER event_recorded AFTER INSERT ON event BEGIN
    UPDATE registry SET last_event_seq = NEW.seq, last_created_at = max(last_created_at, NEW.created_at),
        succeeded = succeeded + NEW.success, failed = failed + 1 - NEW.success;
    UPDATE receiver SET succeeded = succeeded + NEW.success, failed = failed + 1 - NEW.success
        WHERE num = NEW.receiver_num;
    UPDATE name SET succeeded = succeeded + NEW.success, failed = failed + 1 - NEW.success WHERE id = NEW.name_id;
    UPDATE unit SET events = events + 1 WHERE id = NEW.unit_id;
    INSERT INTO latest (unit_id, receiver_num, seq, success)
        VALUES (NEW.unit_id, NEW.receiver_num, NEW.seq, NEW.success)
        ON CONFLICT (unit_id, receiver_num) DO UPDATE SET seq = excluded.seq, success = excluded.success;
END;

CREATE TRIGGER message_written AFTER INSERT ON message BEGIN
    UPDATE registry SET last_message_seq = NEW.seq, last_created_at = max(last_created_at, NEW.created_at);
END;

CREATE TRIGGER name_made AFTER INSERT ON name BEGIN
    UPDATE registry SET last_name_id = NEW.id;
END;

CREATE TRIGGER unit_made AFTER INSERT ON unit BEGIN
    UPDATE registry SET last_unit_id = NEW.id;
END;
