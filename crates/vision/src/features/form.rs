//! What a network's input is: told, read from the file's metadata, or seen in the shape.

use ort::session::Session;

use super::{FeatureForm, FeatureInput, Layout};

/// The input's name and form: what is given, else the metadata, else the shape.
pub(super) fn settle(session: &Session, known: &FeatureInput) -> Result<(String, FeatureForm), String> {
    let [input] = session.inputs() else {
        let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        return Err(format!("one input is expected, and {names:?} was found"));
    };
    let shape: &[i64] = input.dtype().tensor_shape().map_or(&[], |shape| shape);
    let &[_, first, second, last] = shape else {
        return Err(format!(
            "an input of four dimensions is expected, and {shape:?} was found"
        ));
    };
    let layout = match known.layout.or(metadata(session, "input_layout", layout_of)?) {
        Some(layout) => layout,
        None if first == 3 => Layout::Nchw,
        None if last == 3 => Layout::Nhwc,
        None => {
            return Err(format!(
                "its input {shape:?} does not tell its layout; say nchw or nhwc"
            ));
        }
    };
    let fixed = u32::try_from(second).ok().filter(|side| *side > 0);
    let side = known
        .side
        .or(metadata(session, "input_side", |text| text.parse().ok())?);
    let side = side
        .or(fixed)
        .filter(|side| (1..=4096).contains(side))
        .ok_or_else(|| format!("its input {shape:?} does not tell its side; give one of 1 to 4096 pixels"))?;
    let scale = known
        .scale
        .or(metadata(session, "input_scale", |text| text.parse().ok())?);
    let mean = known.mean.or(metadata(session, "input_mean", triple)?);
    let std = known.std.or(metadata(session, "input_std", triple)?);
    let form = FeatureForm {
        layout,
        side,
        scale: scale.unwrap_or(1.0 / 255.0),
        mean: mean.unwrap_or([0.0; 3]),
        std: std.unwrap_or([1.0; 3]),
        output: output_of(session, known)?,
    };
    if form.std.contains(&0.0) {
        return Err("a standard deviation of 0 cannot be divided by".into());
    }
    Ok((input.name().to_owned(), form))
}

/// The output named, else `features`, else the only one.
fn output_of(session: &Session, known: &FeatureInput) -> Result<String, String> {
    let names: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
    let named = match &known.output {
        Some(name) => Some(name.clone()),
        None => metadata(session, "output", |text| Some(text.to_owned()))?,
    };
    match (named, names.as_slice()) {
        (Some(name), _) if names.contains(&name.as_str()) => Ok(name),
        (Some(name), _) => Err(format!("it has no output `{name}`; there are {names:?}")),
        (None, _) if names.contains(&"features") => Ok("features".into()),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(format!("which of its outputs {names:?} holds the features is not told")),
    }
}

fn metadata<T>(session: &Session, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let metadata = session.metadata().map_err(|error| error.to_string())?;
    let Some(text) = metadata.custom(key) else {
        return Ok(None);
    };
    match parse(text.trim()) {
        Some(value) => Ok(Some(value)),
        None => Err(format!("its metadata give {key} = `{text}`, which cannot be read")),
    }
}

/// The layout of that name.
pub fn layout_of(word: &str) -> Option<Layout> {
    match word.to_ascii_lowercase().as_str() {
        "nchw" => Some(Layout::Nchw),
        "nhwc" => Some(Layout::Nhwc),
        _ => None,
    }
}

/// Three numbers between commas (red, green, blue), or one for all three.
pub fn triple(text: &str) -> Option<[f32; 3]> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match *numbers.ok()?.as_slice() {
        [all] => Some([all; 3]),
        [red, green, blue] => Some([red, green, blue]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_triples_are_read_as_they_are_written() {
        assert_eq!(layout_of("NHWC"), Some(Layout::Nhwc));
        assert_eq!(layout_of("chw"), None);
        assert_eq!(triple("0.5"), Some([0.5; 3]));
        assert_eq!(triple("0.1, 0.2,0.3"), Some([0.1, 0.2, 0.3]));
        assert_eq!(triple("1,2"), None);
    }
}
