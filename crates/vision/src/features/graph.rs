//! The names in an ONNX file's graph, and how any of its tensors becomes an output.
//!
//! Of protobuf this needs two rules: a message is a row of fields, and the fields of messages that follow
//! one another merge. A few bytes behind a file's own so add to what its graph gives.

/// `ModelProto.graph`, `GraphProto.node`, `NodeProto.output`, `GraphProto.output`, `ValueInfoProto.name` in
/// onnx.proto.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const GRAPH_OUTPUT: u64 = 12;
const VALUE_NAME: u64 = 1;

/// Names that an error lists.
const LISTED: usize = 12;

/// Every tensor that an operator of the graph gives, in the file's order.
pub(super) fn tensors(model: &[u8]) -> Vec<String> {
    let nodes = texts(model, GRAPH).flat_map(|graph| texts(graph, NODE));
    let outputs = nodes.flat_map(|node| texts(node, NODE_OUTPUT));
    let names = outputs.map(|name| String::from_utf8_lossy(name).into_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The bytes that make tensors outputs when they stand behind a file's own. Types and shapes are left to
/// the runtime to find.
pub(super) fn declaring(names: &[&str]) -> Vec<u8> {
    let mut outputs = Vec::new();
    for name in names {
        let mut value = Vec::new();
        push(&mut value, VALUE_NAME, name.as_bytes());
        push(&mut outputs, GRAPH_OUTPUT, &value);
    }
    let mut model = Vec::new();
    push(&mut model, GRAPH, &outputs);
    model
}

/// The names nearest to one that is not there: those that begin alike first.
pub(super) fn like(asked: &str, names: &[String]) -> String {
    let alike = |name: &str| name.bytes().zip(asked.bytes()).take_while(|(a, b)| a == b).count();
    let mut near: Vec<&String> = names.iter().collect();
    near.sort_by_key(|name| std::cmp::Reverse(alike(name)));
    let listed: Vec<&str> = near.iter().take(LISTED).map(|name| name.as_str()).collect();
    match names.len().saturating_sub(LISTED) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

/// The contents of every field of that number which has a length; nothing after the first damage.
fn texts(message: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || next(&mut rest)).filter_map(move |(number, content)| content.filter(|_| number == field))
}

/// The next field's number, and its content where it has a length.
fn next<'message>(rest: &mut &'message [u8]) -> Option<(u64, Option<&'message [u8]>)> {
    let key = varint(rest)?;
    let skipped = match key & 7 {
        0 => varint(rest).map(|_| 0)?,
        1 => 8,
        5 => 4,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (content, left) = rest.split_at_checked(length)?;
            *rest = left;
            return Some((key >> 3, Some(content)));
        }
        _ => return None,
    };
    *rest = rest.get(skipped..)?;
    Some((key >> 3, None))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 127) << (7 * place);
        if *byte < 128 {
            return Some(value);
        }
    }
    None
}

fn push(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    for mut number in [field << 3 | 2, content.len() as u64] {
        while number >= 128 {
            message.push(number as u8 | 128);
            number >>= 7;
        }
        message.push(number as u8);
    }
    message.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_read_and_what_is_declared_is_read_back() {
        let mut node = Vec::new();
        push(&mut node, 1, b"images");
        push(&mut node, NODE_OUTPUT, b"conv_1");
        push(&mut node, NODE_OUTPUT, b"conv_2");
        let mut graph = Vec::new();
        push(&mut graph, NODE, &node);
        // IR version, a whole number, before it.
        let mut model = vec![8, 8];
        push(&mut model, GRAPH, &graph);
        assert_eq!(tensors(&model), ["conv_1", "conv_2"]);
        model.extend(declaring(&["conv_2"]));
        let outputs = texts(&model, GRAPH).flat_map(|graph| texts(graph, GRAPH_OUTPUT));
        let names: Vec<&[u8]> = outputs.flat_map(|value| texts(value, VALUE_NAME)).collect();
        assert_eq!(names, [b"conv_2"]);
        assert_eq!(tensors(&model), ["conv_1", "conv_2"]);
    }

    #[test]
    fn damaged_files_have_no_names_and_end() {
        for bytes in [&[][..], &[255; 40], &[58, 200, 1, 0], &[58], &[9, 1, 2]] {
            assert!(tensors(bytes).is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn names_that_begin_alike_are_told_first() {
        let names: Vec<String> = ["conv_1", "add_2", "add_29"].map(String::from).into();
        assert_eq!(like("add_28", &names), "add_2, add_29, conv_1");
        let many: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
        assert!(like("x", &many).ends_with("t11 and 8 more"));
    }
}
