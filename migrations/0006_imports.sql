-- Which folder each imported source is of: two folders of one name never become one source.
CREATE TABLE imports (
    source      TEXT   PRIMARY KEY, -- import:NAME
    folder      TEXT   NOT NULL,    -- absolute, without links
    recorded_at BIGINT NOT NULL
);
