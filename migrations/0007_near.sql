-- Near-duplicates by thumbnails, and what tells a copy from its original.

-- What the search for near-duplicates sees of each different head: 24 x 24 levels of light, a character each.
CREATE TABLE thumbnails (
    pixels    TEXT PRIMARY KEY, -- as in heads
    thumbnail TEXT NOT NULL
);

-- The next `curate` takes the thumbnails of heads that are there, and finds all groups anew.
UPDATE prints SET reach = -1;
ALTER TABLE prints DROP COLUMN perceptual;

-- How much of a head is drawing: pixels of true resolution, less what saving, noise and sharpening added.
ALTER TABLE heads ADD COLUMN detail DOUBLE PRECISION NOT NULL DEFAULT 0;
