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
    -- Tags whose kind the site tells, as ' tag tag '; ' ' where it told none of that kind.
    artists     TEXT   NOT NULL DEFAULT ' ',
    characters  TEXT   NOT NULL DEFAULT ' ',
    copyrights  TEXT   NOT NULL DEFAULT ' ',
    kinds_known BIGINT NOT NULL DEFAULT 0, -- 1: the three columns above are complete
    extension   TEXT,              -- of the original, as the site says: jpg, png, webm
    jpeg_url    TEXT,              -- the original as JPEG, where the site makes one
    sample_url  TEXT,              -- scaled down
    pages       BIGINT NOT NULL DEFAULT 1, -- pictures of the work
    updated_at  BIGINT,            -- last edit at the site, where it says
    ai_made     BIGINT,            -- 1 or 0 where the source says so
    waiting     BIGINT NOT NULL DEFAULT 1, -- 0: every file of it is stored or refused
    PRIMARY KEY (source, post)
);
CREATE INDEX posts_by_number ON posts (source, number);
CREATE INDEX posts_by_likes ON posts (source, likes);
CREATE INDEX posts_by_created ON posts (source, created_at);
-- The columns behind the number spare reading the row: of a million posts that wait because a
-- filter leaves them out, none need be read.
CREATE INDEX posts_waiting ON posts (source, number, status, rating, likes, created_at, post) WHERE waiting = 1;

-- Verified bytes in the store; many posts may share one.
CREATE TABLE images (
    image      TEXT   PRIMARY KEY, -- SHA-256 of the bytes
    format     TEXT   NOT NULL,    -- jpeg, png, webp, gif
    bytes      BIGINT NOT NULL,
    width      BIGINT NOT NULL,    -- upright
    height     BIGINT NOT NULL,
    md5        TEXT   NOT NULL,    -- of the bytes: a listing that names it need not be fetched
    stored_at  BIGINT NOT NULL,
    dropped_at BIGINT              -- set when the bytes were dropped to save room, after the heads were cut
);
CREATE INDEX images_by_md5 ON images (md5);

-- What became of a post's file. One row a file, rewritten by each attempt.
CREATE TABLE files (
    source        TEXT   NOT NULL,
    post          TEXT   NOT NULL,
    page          BIGINT NOT NULL, -- 0 but for works of several pages
    image         TEXT,            -- set when stored
    md5           TEXT,            -- the post's when this was recorded: another one asks for another attempt
    outcome       TEXT   NOT NULL, -- stored, failed (transient), refused (permanent)
    reason        TEXT,            -- short fixed word, for counts
    detail        TEXT,
    attempts      BIGINT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    variant       TEXT   NOT NULL DEFAULT 'original', -- original, jpeg, sample
    etag          TEXT,            -- as the host gave them with the bytes, for asking whether
    last_modified TEXT,            -- they changed
    robots        TEXT,            -- X-Robots-Tag that came with the file
    updated_at    BIGINT,          -- the post's when this was recorded; as md5, where the post names none
    -- The address of the last attempt, as the post named it; another one under the same MD5 is another attempt
    -- at a file that was not to be had there.
    url           TEXT,
    PRIMARY KEY (source, post, page)
);
CREATE INDEX files_by_image ON files (image);
-- Few fail: whether a post that waits was tried too often is found here.
CREATE INDEX files_failed ON files (source, post) WHERE outcome = 'failed';

-- Pictures that a post had before its site replaced them: a purge of the post takes them too.
CREATE TABLE replaced (
    source TEXT NOT NULL,
    post   TEXT NOT NULL,
    image  TEXT NOT NULL,
    PRIMARY KEY (source, post, image)
);

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
    -- Where a listing last found the end, 0 before that: a later one need not find out twice that nothing is
    -- below.
    bottom      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (source, query)
);

-- Parts of a listing that could not be read: a page that fails, an empty page where the site counts
-- posts, a post whose own answer is an error. They are asked for again by later runs, with pauses that
-- double, until `given_up`.
CREATE TABLE holes (
    source      TEXT   NOT NULL,
    query       TEXT   NOT NULL,   -- as in cursors
    kind        TEXT   NOT NULL,   -- list: positions of the listing; post: the number of one post
    below       BIGINT NOT NULL,   -- everything below this position (post numbers on boards; days and pages elsewhere)
    start       BIGINT NOT NULL,   -- and from this one on
    begun_at    BIGINT NOT NULL,   -- when the listing that left it began
    tries       BIGINT NOT NULL,   -- runs that tried it in vain
    next_try    BIGINT NOT NULL,   -- not before this second
    given_up    BIGINT NOT NULL,   -- 1: not asked for again
    place       TEXT   NOT NULL,   -- where it lies, for people: posts 1 to 100
    reason      TEXT   NOT NULL,   -- short fixed word, for counts
    detail      TEXT   NOT NULL,   -- what was seen
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (source, query, kind, below)
);

-- What a site answered when it was asked whether it knows a tag by another name.
CREATE TABLE aliases (
    source   TEXT   NOT NULL,
    name     TEXT   NOT NULL, -- as people ask for it
    tag      TEXT   NOT NULL, -- as the site has it; the same where it knows no other name
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (source, name)
);

-- Which folder each imported source is of: two folders of one name never become one source.
CREATE TABLE imports (
    source      TEXT   PRIMARY KEY, -- import:NAME
    folder      TEXT   NOT NULL,    -- absolute, without links
    recorded_at BIGINT NOT NULL
);

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

-- Objects that a purge has taken out of the tables and not yet out of the store.
CREATE TABLE removals (
    object TEXT PRIMARY KEY -- its name in the store
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

-- One crop of one face, under one crop rule, and what is measured on it.
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
    measures    BIGINT NOT NULL DEFAULT 0, -- version of the measures below; 0: `curate` takes them from the stored head
    perceptual  TEXT   NOT NULL DEFAULT '', -- perceptual hash, 32 hex digits
    colour      DOUBLE PRECISION NOT NULL DEFAULT 0, -- spread of colour, levels of 0 to 255
    contrast    DOUBLE PRECISION NOT NULL DEFAULT 0, -- spread of grey, levels of 0 to 255
    crossings   DOUBLE PRECISION NOT NULL DEFAULT 0, -- share of strong steps between neighbours
    -- How much of a head is drawing: pixels of true resolution, less what saving, noise and sharpening added.
    detail      DOUBLE PRECISION NOT NULL DEFAULT 0,
    PRIMARY KEY (image, detector, ordinal, crop)
);
CREATE INDEX heads_by_head ON heads (head);
CREATE INDEX heads_by_pixels ON heads (pixels);
CREATE INDEX heads_by_measures ON heads (measures, image);

-- What the search for near-duplicates sees of each different head: 24 x 24 levels of light, a character each.
CREATE TABLE thumbnails (
    pixels    TEXT PRIMARY KEY, -- as in heads
    thumbnail TEXT NOT NULL
);

-- The group of near-duplicates of each different head.
CREATE TABLE duplicate_groups (
    pixels          TEXT   PRIMARY KEY, -- as in heads
    duplicate_group TEXT   NOT NULL,    -- the smallest `pixels` of the group
    reach           BIGINT NOT NULL     -- the bound up to which heads were joined
);
CREATE INDEX duplicate_groups_by_group ON duplicate_groups (duplicate_group);

-- What the detector says of a stored head that it is shown alone.
CREATE TABLE second_passes (
    head    TEXT NOT NULL,
    network TEXT NOT NULL,            -- detector, input side and matching rule
    score   DOUBLE PRECISION NOT NULL, -- of the best box where the face must be; 0 where there is none
    PRIMARY KEY (head, network)
);

-- A head in the feature space of a network: whole numbers of 16 bits, four hex digits each.
CREATE TABLE styles (
    head    TEXT NOT NULL,
    network TEXT NOT NULL,
    vector  TEXT NOT NULL,
    PRIMARY KEY (head, network)
);

-- Decisions by hand, stored by what lasts: the head's hash, and the face in its picture, which another
-- detector or crop rule finds again.
CREATE TABLE decisions (
    head        TEXT   NOT NULL,
    image       TEXT   NOT NULL,
    x0          DOUBLE PRECISION NOT NULL,
    y0          DOUBLE PRECISION NOT NULL,
    x1          DOUBLE PRECISION NOT NULL,
    y1          DOUBLE PRECISION NOT NULL,
    decision    TEXT   NOT NULL,   -- keep, reject
    because     TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (head, image)
);
CREATE INDEX decisions_by_image ON decisions (image);

-- The curated dataset table: one verdict a head and policy, derived from all of the above.
CREATE TABLE verdicts (
    image    TEXT   NOT NULL,
    detector TEXT   NOT NULL,
    ordinal  BIGINT NOT NULL,
    crop     TEXT   NOT NULL,
    policy   TEXT   NOT NULL,      -- the policy's digest
    accepted BIGINT NOT NULL,      -- 1 or 0
    reason   TEXT,                 -- the first filter that refused
    detail   TEXT,                 -- what was measured against which bound; a duplicate's better one
    kept     BIGINT NOT NULL DEFAULT 0, -- 1: decided by hand to stay, whatever the filters say
    PRIMARY KEY (image, detector, ordinal, crop, policy)
);
CREATE INDEX verdicts_by_reason ON verdicts (policy, reason);

-- The split of a head by its pixel hash, and so that of its duplicate group, kept for ever.
CREATE TABLE splits (
    duplicate_group TEXT PRIMARY KEY,
    split           TEXT NOT NULL  -- train, validation
);
