//! Which of a post's files the form asked for means.

use crate::crawl::request::Form;
use crate::crawl::source::FileUrls;

/// What is no picture by its name already; the name is believed only so far that it is not fetched.
const FILMS: [&str; 22] = [
    "zip", "mp4", "webm", "swf", "mov", "avi", "mkv", "m4v", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp", "mp3", "ogg",
    "wav", "rar", "7z", "pdf", "psd", "clip",
];

/// The file of the form asked for, or the original where the site makes no such form.
pub fn choose<'urls>(form: Form, file: &'urls FileUrls, jpeg: Option<&'urls str>) -> Option<(&'urls str, Form)> {
    let original = file.original.as_deref();
    let asked = match form {
        Form::Original => original,
        Form::Jpeg => jpeg.or(original),
        Form::Sample => file.sample.as_deref().or(original),
    }?;
    // Sites name the original itself where they make no other form.
    let variant = if original == Some(asked) { Form::Original } else { form };
    Some((asked, variant))
}

/// The extension, where it is one of a film or an archive.
pub fn film(extension: &str) -> Option<&'static str> {
    FILMS.into_iter().find(|film| film.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_the_site_does_not_make_is_the_original() {
        let file = |sample: Option<&str>| FileUrls {
            original: Some("/a.png".into()),
            sample: sample.map(str::to_string),
        };
        let (all, one) = (file(Some("/a-sample.jpg")), file(None));
        let cases = [
            (choose(Form::Original, &all, Some("/a.jpg")), ("/a.png", Form::Original)),
            (choose(Form::Jpeg, &all, Some("/a.jpg")), ("/a.jpg", Form::Jpeg)),
            (choose(Form::Jpeg, &all, Some("/a.png")), ("/a.png", Form::Original)),
            (choose(Form::Jpeg, &all, None), ("/a.png", Form::Original)),
            (choose(Form::Sample, &all, None), ("/a-sample.jpg", Form::Sample)),
            (choose(Form::Sample, &one, None), ("/a.png", Form::Original)),
        ];
        for (chosen, expected) in cases {
            assert_eq!(chosen, Some(expected));
        }
        assert_eq!(choose(Form::Original, &FileUrls::default(), Some("/a.jpg")), None);
    }
}
