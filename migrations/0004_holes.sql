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
