//! Croissant 1.0: the export's files and columns as machines look datasets up (mlcommons.org/croissant).

use serde_json::{Value, json};

use super::columns::{COLUMNS, Kind};
use super::imagefolder::METADATA;
use super::place::Place;
use super::shards::hash_of;
use super::{Contents, Form, webdataset};

/// The description as JSON-LD.
pub(super) fn describe(contents: &Contents<'_>, place: &Place) -> anyhow::Result<Value> {
    let opened = contents.opened;
    let mut distribution = Vec::new();
    let mut records = Vec::new();
    for split in contents.splits.keys() {
        match contents.form {
            Form::Imagefolder => {
                let path = format!("{split}/{METADATA}");
                let (sha256, bytes) = hash_of(&place.folder.join(&path))?;
                distribution.push(file(&path, "application/jsonlines", &sha256, bytes));
                distribution.push(set(
                    &format!("{split}-pictures"),
                    "image/png",
                    &format!("{split}/*/*.png"),
                    &[],
                ));
                records.push(rows(split, &json!({"fileObject": {"@id": path}}), None));
                records.push(pictures(split));
            }
            Form::Webdataset => {
                let paths = shard_files(&mut distribution, place, split, "application/x-tar");
                distribution.push(set(&format!("{split}-pictures"), "image/png", "*.png", &paths));
                let rows_file = webdataset::rows_file(split, &place.stem);
                let (sha256, bytes) = hash_of(&place.folder.join(&rows_file))?;
                distribution.push(file(&rows_file, "application/jsonlines", &sha256, bytes));
                records.push(rows(split, &json!({"fileObject": {"@id": rows_file}}), None));
                records.push(pictures(split));
            }
            Form::Parquet => {
                shard_files(&mut distribution, place, split, "application/x-parquet");
                let name = format!("{split}-files");
                let pattern = super::card::files_of(contents.form, split);
                distribution.push(set(&name, "application/x-parquet", &pattern, &[]));
                records.push(rows(split, &json!({"fileSet": {"@id": name}}), Some("bytes")));
            }
        }
    }
    Ok(json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": format!("anime-heads-{}", opened.name),
        "description": format!(
            "Heads from illustrations, {} of them, each showing its face at about the same place and size. Selected: {}.",
            contents.splits.values().sum::<u64>(),
            match opened.body.filters.is_empty() {
                true => "everything".into(),
                false => opened.body.filters.join(", "),
            }
        ),
        "keywords": ["anime", "illustration", "heads"],
        "license": "The pictures belong to their artists; ATTRIBUTION.csv names artist and source of each.",
        // Of the recommended properties datePublished alone is wanting: no time is part of a version, or its
        // exports would differ from one day to the next.
        "citeAs": format!("anime-heads {}, version {}", opened.name, opened.id),
        // A version that never changes has but one.
        "version": "1.0.0",
        "identifier": opened.id,
        "distribution": distribution,
        "recordSet": records,
    }))
}

/// A file; its path is its id.
fn file(path: &str, format: &str, sha256: &str, bytes: u64) -> Value {
    json!({
        "@type": "cr:FileObject", "@id": path, "name": path, "contentUrl": path, "contentSize": format!("{bytes} B"),
        "encodingFormat": format, "sha256": sha256,
    })
}

/// Files of one kind, in a folder or in archives.
fn set(name: &str, format: &str, pattern: &str, archives: &[String]) -> Value {
    let mut set = json!({
        "@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": format, "includes": pattern,
    });
    if !archives.is_empty() {
        set["containedIn"] = archives.iter().map(|path| json!({"@id": path})).collect();
    }
    set
}

/// The finished shards of a split, which are added to the distribution; their ids.
fn shard_files(distribution: &mut Vec<Value>, place: &Place, split: &str, format: &str) -> Vec<String> {
    let shards = place.shards.get(split).map_or(&[][..], Vec::as_slice);
    distribution.extend(
        shards
            .iter()
            .map(|shard| file(&shard.path, format, &shard.sha256, shard.bytes)),
    );
    shards.iter().map(|shard| shard.path.clone()).collect()
}

/// The columns of a split; `picture` is the part of a column `image` that holds the file.
fn rows(split: &str, source: &Value, picture: Option<&str>) -> Value {
    let from = |name: &str| {
        let mut source = source.clone();
        source["extract"] = json!({"column": name});
        source
    };
    let mut fields = Vec::new();
    if let Some(part) = picture {
        let mut source = from("image");
        source["transform"] = json!({"jsonPath": part});
        fields.push(field(split, "image", "the head", "sc:ImageObject", source));
    }
    fields.extend(COLUMNS.iter().map(|column| {
        let kind = match column.kind {
            Kind::Text => "sc:Text",
            Kind::Whole => "sc:Integer",
            Kind::Real => "sc:Float",
        };
        field(split, column.name, column.about, kind, from(column.name))
    }));
    record_set(split, "one row a head", fields)
}

/// The pictures of a split, where they are files.
fn pictures(split: &str) -> Value {
    let name = format!("{split}-heads");
    let from = |property: &str| json!({"fileSet": {"@id": format!("{split}-pictures")}, "extract": {"fileProperty": property}});
    let fields = vec![
        field(&name, "image", "the head", "sc:ImageObject", from("content")),
        field(
            &name,
            "filename",
            "its file, named by its hash",
            "sc:Text",
            from("filename"),
        ),
    ];
    record_set(&name, "the pictures", fields)
}

fn record_set(name: &str, about: &str, fields: Vec<Value>) -> Value {
    json!({"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "field": fields})
}

fn field(set: &str, name: &str, about: &str, kind: &str, source: Value) -> Value {
    json!({
        "@type": "cr:Field", "@id": format!("{set}/{name}"), "name": name, "description": about, "dataType": kind,
        "source": source,
    })
}

/// The context that the specification prescribes.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "equivalentProperty": "cr:equivalentProperty",
        "samplingRate": "cr:samplingRate",
        "dct": "http://purl.org/dc/terms/",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "extract": "cr:extract",
        "field": "cr:field",
        "fileObject": "cr:fileObject",
        "fileProperty": "cr:fileProperty",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}
