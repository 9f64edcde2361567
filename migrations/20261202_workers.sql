-- Processes that write to one catalog at a time, and how crop workers among them share the pictures. Used on
-- PostgreSQL alone; on SQLite one process writes, and these tables stay empty. Times are by the database's clock.

-- A process that writes, or wrote and was cut off.
CREATE TABLE workers (
    worker   TEXT   PRIMARY KEY,   -- drawn anew by each process
    backend  BIGINT NOT NULL,      -- the server's process of the connection that holds its locks
    command  TEXT   NOT NULL,
    host     TEXT   NOT NULL,
    process  BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,      -- its last sign of life
    lease    BIGINT NOT NULL,      -- seconds without a sign of life after which its pictures are others'
    crops    BIGINT NOT NULL,      -- 1: it takes pictures
    done     BIGINT NOT NULL       -- pictures
);

-- Pictures that crop workers have taken and not recorded yet. Those of a worker that is gone are taken over.
CREATE TABLE leases (
    image  TEXT NOT NULL,
    work   TEXT NOT NULL,          -- digest of the detector and the crop rule
    worker TEXT NOT NULL,          -- empty: it failed, and is not tried again as long as any worker works
    PRIMARY KEY (image, work)
);

-- How far the workers of one selection have come in the order of the hashes.
CREATE TABLE passes (
    work    TEXT   PRIMARY KEY,    -- digest of the detector, the crop rule and the selection
    pass    BIGINT NOT NULL,       -- counts from 1: whoever came in the middle of one goes round once more
    place   TEXT   NOT NULL,       -- pictures up to this hash are taken
    pending BIGINT NOT NULL        -- pictures that waited when the first began
);
