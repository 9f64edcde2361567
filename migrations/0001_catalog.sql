-- The catalog. Portable between SQLite and PostgreSQL: TEXT, BIGINT and DOUBLE PRECISION columns,
-- natural keys, epoch seconds, hashes as lower-case hex (SHA-256 unless named otherwise).

-- A post as its site describes it, or one file of an imported folder (source 'import:NAME').
CREATE TABLE posts (
    source      TEXT   NOT NULL,   -- site table in stages.toml, or import:NAME
    post        TEXT   NOT NULL,   -- the site's id, or the file's path in the folder
    number      BIGINT NOT NULL,   -- the id as a number, the keyset cursor; 0 for imports
    status      TEXT   NOT NULL,   -- active, deleted, pending, held
    created_at  BIGINT NOT NULL,   -- upload at the site (the file's own time for imports)
    fetched_at  BIGINT NOT NULL,   -- when the counters below were read
    likes       BIGINT,            -- by the source's documented mapping; null where it has none
    views       BIGINT,
    favourites  BIGINT,
    score       BIGINT,
    rating      TEXT   NOT NULL,   -- safe, sensitive, questionable, explicit, unknown
    tags        TEXT   NOT NULL,   -- ' tag tag ', sorted, a space at both ends
    artist      TEXT,
    page_url    TEXT,              -- the post's own page
    source_url  TEXT,              -- where the artist published it
    file_url    TEXT,
    md5         TEXT,
    file_size   BIGINT,
    width       BIGINT,
    height      BIGINT,
    PRIMARY KEY (source, post)
);
CREATE INDEX posts_by_number ON posts (source, number);
CREATE INDEX posts_by_likes ON posts (source, likes);
CREATE INDEX posts_by_created ON posts (source, created_at);

-- Verified bytes in the store; many posts may share one.
CREATE TABLE images (
    image      TEXT   PRIMARY KEY, -- SHA-256 of the bytes
    format     TEXT   NOT NULL,    -- jpeg, png, webp, gif
    bytes      BIGINT NOT NULL,
    width      BIGINT NOT NULL,    -- upright
    height     BIGINT NOT NULL,
    md5        TEXT   NOT NULL,    -- of the bytes: a listing that names it need not be fetched
    stored_at  BIGINT NOT NULL
);
CREATE INDEX images_by_md5 ON images (md5);

-- What became of a post's file. One row a file, rewritten by each attempt.
CREATE TABLE files (
    source      TEXT   NOT NULL,
    post        TEXT   NOT NULL,
    page        BIGINT NOT NULL,   -- 0 but for works of several pages
    image       TEXT,              -- set when stored
    md5         TEXT,              -- the post's when this was recorded: another one asks for another attempt
    outcome     TEXT   NOT NULL,   -- stored, failed (transient), refused (permanent)
    reason      TEXT,              -- short fixed word, for counts
    detail      TEXT,
    attempts    BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, post, page)
);
CREATE INDEX files_by_image ON files (image);

-- How far a listing has been read: one row a source and query. A listing goes from high numbers to
-- low ones.
CREATE TABLE cursors (
    source      TEXT   NOT NULL,
    query       TEXT   NOT NULL,   -- canonical text of the query
    newest      BIGINT NOT NULL,   -- highest post number of the finished listings, 0 before the first
    finished_at BIGINT NOT NULL,   -- when the last finished listing began, 0 before the first
    begun_at    BIGINT NOT NULL,   -- when the listing under way began, 0 where none is
    top         BIGINT NOT NULL,   -- highest post number of the listing under way
    oldest      BIGINT NOT NULL,   -- it goes on below this post number
    PRIMARY KEY (source, query)
);

-- One detector run over one image: the outcome, "nothing found" and failures included.
CREATE TABLE detections (
    image       TEXT   NOT NULL,
    detector    TEXT   NOT NULL,   -- the detector's digest; 'given' for imported heads
    outcome     TEXT   NOT NULL,   -- found, nothing, failed (transient), refused (permanent)
    reason      TEXT,              -- short fixed word, for counts
    detail      TEXT,
    faces       BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (image, detector)
);

-- Every face box above the detector's floor, in pixels of the upright picture.
CREATE TABLE faces (
    image    TEXT   NOT NULL,
    detector TEXT   NOT NULL,
    ordinal  BIGINT NOT NULL,      -- by falling score
    x0       DOUBLE PRECISION NOT NULL,
    y0       DOUBLE PRECISION NOT NULL,
    x1       DOUBLE PRECISION NOT NULL,
    y1       DOUBLE PRECISION NOT NULL,
    score    DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (image, detector, ordinal)
);

-- One crop of one face, under one crop rule.
CREATE TABLE heads (
    image       TEXT   NOT NULL,
    detector    TEXT   NOT NULL,
    ordinal     BIGINT NOT NULL,
    crop        TEXT   NOT NULL,   -- the crop rule's digest
    head        TEXT   NOT NULL,   -- SHA-256 of the stored PNG
    pixels      TEXT   NOT NULL,   -- SHA-256 of the RGB pixels: equal pixels, one duplicate group
    side        BIGINT NOT NULL,   -- of the stored head
    native_side BIGINT NOT NULL,   -- of the region in the picture
    inside      DOUBLE PRECISION NOT NULL, -- share of the region inside the picture
    sharpness   DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (image, detector, ordinal, crop)
);
CREATE INDEX heads_by_head ON heads (head);
CREATE INDEX heads_by_pixels ON heads (pixels);

-- The curated dataset table: one verdict a head and policy.
CREATE TABLE verdicts (
    image    TEXT   NOT NULL,
    detector TEXT   NOT NULL,
    ordinal  BIGINT NOT NULL,
    crop     TEXT   NOT NULL,
    policy   TEXT   NOT NULL,      -- the policy's digest
    accepted BIGINT NOT NULL,      -- 1 or 0
    reason   TEXT,                 -- the first filter that refused
    detail   TEXT,                 -- what was measured against which bound; a duplicate's better one
    PRIMARY KEY (image, detector, ordinal, crop, policy)
);

-- The split of a duplicate group, fixed by its oldest head and kept for ever.
CREATE TABLE splits (
    duplicate_group TEXT PRIMARY KEY,
    split           TEXT NOT NULL  -- train, validation
);
