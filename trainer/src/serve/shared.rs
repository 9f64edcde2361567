//! What the studio shares with the page that `trainer export --page` writes: scripts, styles, and studio.html, of
//! which each shows its parts. `source.js` is the seam: each has its own.

/// Scripts of both pages.
pub const SCRIPTS: [(&str, &str); 6] = [
    ("page.js", web::PAGE_SCRIPT),
    ("words.js", include_str!("page/words.js")),
    ("base.js", include_str!("page/base.js")),
    ("keys.js", include_str!("page/keys.js")),
    ("draw.js", include_str!("page/draw.js")),
    ("one.js", include_str!("page/one.js")),
];
/// Style sheets of both pages.
pub const STYLES: [(&str, &str); 2] = [
    ("style.css", web::PAGE_STYLE),
    ("studio.css", include_str!("page/studio.css")),
];

/// Whose page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The studio's.
    Served,
    /// That of an export.
    Exported,
}

/// studio.html without the other page's parts: those from `<!-- served` or `<!-- exported` to `<!-- both`.
pub fn page(kind: Kind) -> String {
    let mut of = None;
    let lines = include_str!("page/studio.html").lines().filter(|line| {
        match line.trim() {
            "<!-- served -->" => of = Some(Kind::Served),
            "<!-- exported -->" => of = Some(Kind::Exported),
            "<!-- both -->" => of = None,
            _ => return of.is_none_or(|of| of == kind),
        }
        false
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_parts_alone() {
        let (served, exported) = (page(Kind::Served), page(Kind::Exported));
        assert!(served.contains("id=\"watch\"") && !exported.contains("id=\"watch\""));
        assert!(exported.contains("Content-Security-Policy") && !served.contains("Content-Security-Policy"));
        for page in [served, exported] {
            assert!(page.contains("id=\"view\"") && page.ends_with("</html>\n") && !page.contains("<!-- "));
        }
    }
}
