-- Where a file was asked for, and what sites call a tag.

-- The address of the last attempt, as the post named it; another one under the same MD5 is another attempt
-- at a file that was not to be had there.
ALTER TABLE files ADD COLUMN url TEXT;

-- What a site answered when it was asked whether it knows a tag by another name.
CREATE TABLE aliases (
    source   TEXT   NOT NULL,
    name     TEXT   NOT NULL, -- as people ask for it
    tag      TEXT   NOT NULL, -- as the site has it; the same where it knows no other name
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (source, name)
);
