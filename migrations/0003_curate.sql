-- What is measured on a head, near-duplicates, second looks, styles and decisions by hand.

-- Which version of the measures below a head has; 0: `curate` takes them from the stored head.
ALTER TABLE heads ADD COLUMN measures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN perceptual TEXT NOT NULL DEFAULT '';            -- perceptual hash, 32 hex digits
ALTER TABLE heads ADD COLUMN colour DOUBLE PRECISION NOT NULL DEFAULT 0;     -- spread of colour, levels of 0 to 255
ALTER TABLE heads ADD COLUMN contrast DOUBLE PRECISION NOT NULL DEFAULT 0;   -- spread of grey, levels of 0 to 255
ALTER TABLE heads ADD COLUMN crossings DOUBLE PRECISION NOT NULL DEFAULT 0;  -- share of strong steps between neighbours
CREATE INDEX heads_by_measures ON heads (measures, image);

-- The index of near-duplicates: one row for each different head (by its pixels).
CREATE TABLE prints (
    pixels          TEXT   PRIMARY KEY, -- as in heads
    perceptual      TEXT   NOT NULL,    -- as in heads
    duplicate_group TEXT   NOT NULL,    -- the smallest `pixels` of the group
    reach           BIGINT NOT NULL     -- the distance in bits up to which heads were joined
);
CREATE INDEX prints_by_group ON prints (duplicate_group);

-- 1: decided by hand to stay, whatever the filters say.
ALTER TABLE verdicts ADD COLUMN kept BIGINT NOT NULL DEFAULT 0;
CREATE INDEX verdicts_by_reason ON verdicts (policy, reason);

-- What the detector says of a stored head.
CREATE TABLE looks (
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
