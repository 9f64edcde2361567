//! OpenCV's cascade files: boosted stages of trees over local binary patterns, as `opencv_traincascade`
//! writes them.

use roxmltree::{Document, Node};

/// Values of a local binary pattern: its eight comparisons as bits.
const PATTERNS: usize = 256;
/// Taken off each stage's threshold, as OpenCV does.
const THRESHOLD_SLACK: f32 = 1e-5;

/// A cascade in the order it is evaluated.
#[derive(Debug, PartialEq)]
pub(super) struct Cascade {
    /// Width and height of the window in pixels.
    pub(super) window: (usize, usize),
    /// The cell in the left upper corner of each feature's 3 x 3 cells: x, y, width, height.
    pub(super) features: Vec<[usize; 4]>,
    pub(super) stages: Vec<Stage>,
}

/// A stage: what its trees add up to must reach the threshold.
#[derive(Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) threshold: f32,
    pub(super) trees: Vec<Tree>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Branch>,
    pub(super) leaves: Vec<f32>,
}

/// A question to a feature: is its pattern in the set? A way above 0 is the next node, others are the
/// negative of a leaf.
#[derive(Debug, PartialEq)]
pub(super) struct Branch {
    pub(super) feature: usize,
    pub(super) patterns: [u32; PATTERNS / 32],
    pub(super) inside: i32,
    pub(super) outside: i32,
}

impl Cascade {
    /// Reads the XML.
    ///
    /// # Errors
    /// What was expected and what was found, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|error| format!("it is no XML: {error}"))?;
        let storage = document.root_element();
        if storage.tag_name().name() != "opencv_storage" {
            return Err(format!(
                "an OpenCV storage is expected, and <{}> was found",
                storage.tag_name().name()
            ));
        }
        let Some(root) = storage.children().find(Node::is_element) else {
            return Err("its storage is empty".into());
        };
        if root.attribute("type_id") == Some("opencv-haar-classifier") || child(root, "size").is_ok() {
            return Err("it is a HAAR cascade of the old format, and LBP cascades alone are read".into());
        }
        let (stage, feature) = (word(root, "stageType")?, word(root, "featureType")?);
        if (stage, feature) != ("BOOST", "LBP") {
            return Err(format!(
                "it is a {feature} cascade of {stage} stages, and LBP cascades of BOOST stages alone are read"
            ));
        }
        let patterns: usize = number(child(root, "featureParams")?, "maxCatCount")?;
        if patterns != PATTERNS {
            return Err(format!(
                "its features have {patterns} values, and {PATTERNS} are expected of LBP"
            ));
        }
        let window = (number(root, "width")?, number(root, "height")?);
        let features: Vec<[usize; 4]> = items(child(root, "features")?)
            .map(|item| exactly::<4, usize>(child(item, "rect")?))
            .collect::<Result<_, _>>()?;
        let stages: Vec<Stage> = items(child(root, "stages")?).map(stage_of).collect::<Result<_, _>>()?;
        let cascade = Self {
            window,
            features,
            stages,
        };
        cascade.check()?;
        Ok(cascade)
    }

    /// Whether every place it names is there: evaluating checks nothing.
    fn check(&self) -> Result<(), String> {
        let fits = |rect: &[usize; 4]| {
            let [x, y, width, height] = *rect;
            width > 0 && height > 0 && x + 3 * width <= self.window.0 && y + 3 * height <= self.window.1
        };
        if let Some(rect) = self.features.iter().find(|rect| !fits(rect)) {
            return Err(format!(
                "feature {rect:?} leaves the window of {} x {}",
                self.window.0, self.window.1
            ));
        }
        if self.stages.is_empty() || self.stages.iter().any(|stage| stage.trees.is_empty()) {
            return Err("a stage without trees".into());
        }
        for tree in self.stages.iter().flat_map(|stage| &stage.trees) {
            for (at, node) in tree.nodes.iter().enumerate() {
                // Ways lead onwards only, so that every walk ends.
                let leads = |way: i32| match usize::try_from(way) {
                    Ok(next) if next > 0 => next > at && next < tree.nodes.len(),
                    _ => (way.unsigned_abs() as usize) < tree.leaves.len(),
                };
                if node.feature >= self.features.len() || !leads(node.inside) || !leads(node.outside) {
                    return Err("a tree names a feature, node or leaf that is not there".into());
                }
            }
        }
        Ok(())
    }
}

fn stage_of(item: Node<'_, '_>) -> Result<Stage, String> {
    let threshold: f64 = number(item, "stageThreshold")?;
    Ok(Stage {
        threshold: threshold as f32 - THRESHOLD_SLACK,
        trees: items(child(item, "weakClassifiers")?)
            .map(tree_of)
            .collect::<Result<_, _>>()?,
    })
}

fn tree_of(item: Node<'_, '_>) -> Result<Tree, String> {
    const NUMBERS: usize = 3 + PATTERNS / 32;
    let nodes: Vec<i64> = numbers(child(item, "internalNodes")?)?;
    let leaves: Vec<f64> = numbers(child(item, "leafValues")?)?;
    if nodes.is_empty() || !nodes.len().is_multiple_of(NUMBERS) {
        return Err(format!(
            "a tree's nodes have {NUMBERS} numbers each, and {} were found",
            nodes.len()
        ));
    }
    let branch = |node: &[i64]| {
        Ok(Branch {
            inside: i32::try_from(node[0])?,
            outside: i32::try_from(node[1])?,
            feature: usize::try_from(node[2])?,
            // Written as signed numbers; the bits are what counts.
            patterns: std::array::from_fn(|at| node[3 + at] as u32),
        })
    };
    let nodes: Result<_, std::num::TryFromIntError> = nodes.chunks_exact(NUMBERS).map(branch).collect();
    Ok(Tree {
        nodes: nodes.map_err(|_| "a tree names a feature, node or leaf that is not there")?,
        leaves: leaves.into_iter().map(|value| value as f32).collect(),
    })
}

fn child<'doc, 'text>(node: Node<'doc, 'text>, name: &str) -> Result<Node<'doc, 'text>, String> {
    let found = node.children().find(|child| child.has_tag_name(name));
    found.ok_or_else(|| format!("<{name}> is missing in <{}>", node.tag_name().name()))
}

/// The elements of a list, which OpenCV calls `_`.
fn items<'doc, 'text>(node: Node<'doc, 'text>) -> impl Iterator<Item = Node<'doc, 'text>> {
    node.children().filter(|child| child.has_tag_name("_"))
}

fn word<'doc>(node: Node<'doc, '_>, name: &str) -> Result<&'doc str, String> {
    Ok(child(node, name)?.text().unwrap_or_default().trim())
}

fn numbers<T: std::str::FromStr>(node: Node<'_, '_>) -> Result<Vec<T>, String> {
    let read = |text: &str| {
        let number = text.parse::<T>();
        number.map_err(|_| {
            format!(
                "`{text}` in <{}> is no number that is expected there",
                node.tag_name().name()
            )
        })
    };
    node.text().unwrap_or_default().split_whitespace().map(read).collect()
}

fn number<T: std::str::FromStr + Copy>(node: Node<'_, '_>, name: &str) -> Result<T, String> {
    let [one] = exactly::<1, T>(child(node, name)?)?;
    Ok(one)
}

fn exactly<const COUNT: usize, T: std::str::FromStr>(node: Node<'_, '_>) -> Result<[T; COUNT], String> {
    let found: Vec<T> = numbers(node)?;
    let count = found.len();
    let name = node.tag_name().name();
    found
        .try_into()
        .map_err(|_| format!("{COUNT} numbers are expected in <{name}>, and {count} were found"))
}
