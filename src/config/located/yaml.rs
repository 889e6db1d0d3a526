//! Parses YAML into a located tree, within bounds, and refuses what would leave a doubt about what the file says.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::fault::Fault;
use super::node::{Entry, Key, Node, Scalar, Spot, Value};
use crate::config::mistake::Reason;

/// Deepest nesting, aliases followed.
const DEPTH: usize = 64;
/// Bytes that the tree may take, aliases followed: what an alias bomb runs into.
const WEIGHT: usize = 64 * 1024 * 1024;
/// About what a value takes beside its text.
const NODE_WEIGHT: usize = 64;

/// The one document of `text`.
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
    };
    let mut tree = Tree::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| syntax(&error, text))?;
        tree.take(event, span)?;
    }
    tree.root.ok_or_else(|| Fault::new(Reason::Syntax, "the file is empty"))
}

fn syntax(error: &ScanError, text: &str) -> Fault {
    let spot = spot(Span::empty(*error.marker()));
    let fault = Fault::new(Reason::Syntax, error.info()).at(spot);
    if text.get(..spot.start).is_some_and(|before| before.ends_with('$')) {
        return fault.help("between braces and brackets a variable must be quoted: `\"${NAME}\"`");
    }
    fault
}

fn spot(span: Span) -> Spot {
    let start = span.start.byte_offset().unwrap_or_default();
    let end = span.end.byte_offset().unwrap_or_default().max(start);
    Spot { line: span.start.line(), column: span.start.col() + 1, start, end }
}

/// The tree while it grows.
#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    weight: usize,
}

/// A list or map whose end was not seen yet.
struct Open {
    anchor: usize,
    spot: Spot,
    contents: Contents,
}

enum Contents {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Key>, lines: HashMap<String, usize> },
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        if event.tag().is_some() {
            let tag = spot(span.tag_span().unwrap_or(span));
            return Err(refused(tag, "tags such as `!!str` are not taken; quote a value to make it text"));
        }
        let spot = spot(span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err(refused(spot, "a config file is one document")),
            Event::Scalar(text, style, anchor, _) => {
                let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.put(anchor, Node::new(spot, Value::Scalar(scalar)))
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, spot, Contents::Sequence(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let mapping = Contents::Mapping { entries: Vec::new(), key: None, lines: HashMap::new() };
                self.begin(anchor, spot, mapping)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.follow(anchor, spot),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, spot: Spot, contents: Contents) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            return Err(too_deep(spot));
        }
        self.open.push(Open { anchor, spot, contents });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(Open { anchor, spot, contents }) = self.open.pop() else {
            return Ok(());
        };
        let value = match contents {
            Contents::Sequence(items) => Value::Sequence(items),
            Contents::Mapping { entries, .. } => Value::Mapping(entries),
        };
        self.put(anchor, Node::new(spot, value))
    }

    /// Puts a copy of an anchored value where its alias stands.
    fn follow(&mut self, anchor: usize, spot: Spot) -> Result<(), Fault> {
        let Some(anchored) = self.anchors.get(&anchor).map(Rc::clone) else {
            return Err(refused(spot, "an alias within the value that it stands for"));
        };
        if self.open.len() + height(&anchored) > DEPTH {
            return Err(too_deep(spot));
        }
        // Weighed before it is copied, so that a bomb is refused and not first built.
        self.weigh(weight_below(&anchored), spot)?;
        self.put(0, Node::clone(&anchored))
    }

    fn put(&mut self, anchor: usize, node: Node) -> Result<(), Fault> {
        self.weigh(own_weight(&node), node.spot)?;
        if anchor != 0 {
            self.weigh(own_weight(&node) + weight_below(&node), node.spot)?;
            self.anchors.insert(anchor, Rc::new(node.clone()));
        }
        match self.open.last_mut().map(|open| &mut open.contents) {
            None => self.root = Some(node),
            Some(Contents::Sequence(items)) => items.push(node),
            Some(Contents::Mapping { entries, key, lines }) => match key.take() {
                None => *key = Some(self::key(node, lines)?),
                Some(key) => entries.push(Entry { key, value: node }),
            },
        }
        Ok(())
    }

    fn weigh(&mut self, more: usize, spot: Spot) -> Result<(), Fault> {
        self.weight = self.weight.saturating_add(more);
        if self.weight > WEIGHT {
            let fault = Fault::new(Reason::TooLarge, "the file holds more than a config can, aliases followed");
            return Err(fault.at(spot));
        }
        Ok(())
    }
}

fn key(node: Node, lines: &mut HashMap<String, usize>) -> Result<Key, Fault> {
    let Value::Scalar(Scalar { text, plain }) = node.value else {
        return Err(refused(node.spot, "a key must be one word"));
    };
    if plain && text == "<<" {
        return Err(refused(node.spot, "merge keys (`<<`) are not taken; an alias may stand for a whole value"));
    }
    if let Some(line) = lines.insert(text.clone(), node.spot.line) {
        let message = format!("the key `{text}` stands here twice, first on line {line}");
        return Err(Fault::new(Reason::DuplicateKey, message).at(node.spot));
    }
    Ok(Key { spot: node.spot, text })
}

fn refused(spot: Spot, message: &str) -> Fault {
    Fault::new(Reason::Syntax, message).at(spot)
}

fn too_deep(spot: Spot) -> Fault {
    Fault::new(Reason::TooLarge, format!("nested deeper than {DEPTH} levels")).at(spot)
}

fn own_weight(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(scalar) => NODE_WEIGHT + scalar.text.len(),
        Value::Sequence(_) => NODE_WEIGHT,
        Value::Mapping(entries) => {
            NODE_WEIGHT + entries.iter().map(|entry| NODE_WEIGHT + entry.key.text.len()).sum::<usize>()
        }
    }
}

fn weight_below(node: &Node) -> usize {
    node.children().map(|child| own_weight(child) + weight_below(child)).sum()
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 0,
        _ => 1 + node.children().map(height).max().unwrap_or_default(),
    }
}
