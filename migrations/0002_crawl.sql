-- What three dialects, refreshes, manners and purges need beside 0001.

-- Tags whose kind the site tells, as ' tag tag '; ' ' where it told none of that kind.
ALTER TABLE posts ADD COLUMN artists TEXT NOT NULL DEFAULT ' ';
ALTER TABLE posts ADD COLUMN characters TEXT NOT NULL DEFAULT ' ';
ALTER TABLE posts ADD COLUMN copyrights TEXT NOT NULL DEFAULT ' ';
ALTER TABLE posts ADD COLUMN kinds_known BIGINT NOT NULL DEFAULT 0; -- 1: the three columns above are complete
ALTER TABLE posts ADD COLUMN extension TEXT;                        -- of the original, as the site says: jpg, png, webm
ALTER TABLE posts ADD COLUMN jpeg_url TEXT;                         -- the original as JPEG, where the site makes one
ALTER TABLE posts ADD COLUMN sample_url TEXT;                       -- scaled down
ALTER TABLE posts ADD COLUMN pages BIGINT NOT NULL DEFAULT 1;       -- pictures of the work
ALTER TABLE posts ADD COLUMN updated_at BIGINT;                     -- last edit at the site, where it says
ALTER TABLE posts ADD COLUMN ai_made BIGINT;                        -- 1 or 0 where the source says so
ALTER TABLE posts ADD COLUMN waiting BIGINT NOT NULL DEFAULT 1;     -- 0: every file of it is stored or refused
UPDATE posts SET waiting = 0 WHERE EXISTS (SELECT 1 FROM files AS f WHERE f.source = posts.source
    AND f.post = posts.post AND f.page = 0 AND f.outcome IN ('stored', 'refused')
    AND COALESCE(f.md5, '') = COALESCE(posts.md5, ''));
-- The columns behind the number spare a look at the row: of a million posts that wait because a
-- filter leaves them out, none need be read.
CREATE INDEX posts_waiting ON posts (source, number, status, rating, likes, created_at, post) WHERE waiting = 1;

ALTER TABLE files ADD COLUMN variant TEXT NOT NULL DEFAULT 'original'; -- original, jpeg, sample
ALTER TABLE files ADD COLUMN etag TEXT;          -- as the host gave them with the bytes, for asking whether
ALTER TABLE files ADD COLUMN last_modified TEXT; -- they changed
ALTER TABLE files ADD COLUMN robots TEXT;        -- X-Robots-Tag that came with the file
ALTER TABLE files ADD COLUMN updated_at BIGINT;  -- the post's when this was recorded; as md5, where the post names none
-- Few fail: whether a post that waits was tried too often is looked up here.
CREATE INDEX files_failed ON files (source, post) WHERE outcome = 'failed';

-- Set when the bytes were dropped to save room, after the heads were cut.
ALTER TABLE images ADD COLUMN dropped_at BIGINT;

-- What was asked of each host on each day (UTC), for the daily cap.
CREATE TABLE traffic (
    day      BIGINT NOT NULL, -- days since 1970-01-01
    host     TEXT   NOT NULL,
    requests BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    PRIMARY KEY (day, host)
);

-- The latest robots.txt of each host.
CREATE TABLE robots (
    host       TEXT   PRIMARY KEY, -- with the port where it is none of the scheme's own
    fetched_at BIGINT NOT NULL,
    status     BIGINT NOT NULL,    -- HTTP status; 0 where there was no answer
    body       TEXT   NOT NULL
);

-- What was purged and must not come back. Kinds: post (source and id), artist (source and name, or
-- source '' for all of them), image (SHA-256), md5.
CREATE TABLE denied (
    kind        TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    because     TEXT   NOT NULL DEFAULT '', -- the entry that brought this one, as text; it is lifted with that
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (kind, source, name)
);

-- Pictures that a post had before its site replaced them: a purge of the post takes them too.
CREATE TABLE replaced (
    source TEXT NOT NULL,
    post   TEXT NOT NULL,
    image  TEXT NOT NULL,
    PRIMARY KEY (source, post, image)
);

-- Objects that a purge has taken out of the tables and not yet out of the store.
CREATE TABLE removals (
    object TEXT PRIMARY KEY -- its name in the store
);

-- Where a listing last found the end, 0 before that: a later one need not look twice that nothing is
-- below.
ALTER TABLE cursors ADD COLUMN bottom BIGINT NOT NULL DEFAULT 0;
