//! The protobuf wire format, as far as ONNX needs it: varints and length-delimited fields.

/// A message being written. Fields are appended in the order of the calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// An int64, int32 or enum field.
    pub(super) fn integer(&mut self, field: u32, value: i64) -> &mut Self {
        self.varint(u64::from(field) << 3);
        // Negative numbers are written as their 64-bit two's complement.
        self.varint(value as u64);
        self
    }

    /// A float field.
    pub(super) fn float(&mut self, field: u32, value: f32) -> &mut Self {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A string or bytes field.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A field that is a message itself.
    pub(super) fn message(&mut self, field: u32, value: &Message) -> &mut Self {
        self.bytes(field, &value.0)
    }

    /// What was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_protobuf_manual_come_out() {
        let mut message = Message::default();
        message.integer(1, 150).bytes(2, b"testing");
        let mut outer = Message::default();
        outer.message(3, &message);
        assert_eq!(message.into_bytes(), b"\x08\x96\x01\x12\x07testing");
        assert_eq!(&outer.into_bytes()[..5], b"\x1a\x0c\x08\x96\x01");
        let mut negative = Message::default();
        negative.integer(1, -1);
        assert_eq!(
            negative.into_bytes(),
            [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
        );
    }
}
