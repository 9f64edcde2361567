//! Picture files written by hand, where the usual encoders do not write what people upload.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

/// A file by the usual encoder.
pub fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

/// EXIF data that say but one thing: how the picture is to be turned (1 to 8).
pub fn tiff(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// A JPEG with EXIF data put before all else.
pub fn jpeg_with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    [&jpeg[..2], b"\xff\xe1\0\x22Exif\0\0", &tiff(orientation), &jpeg[2..]].concat()
}

/// One chunk of a PNG.
pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [kind, data].concat();
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(&checked);
    chunk.extend(crc32fast::hash(&checked).to_be_bytes());
    chunk
}

/// A PNG with a chunk put behind its header.
pub fn png_with(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    // Signature, and a header of 13 bytes with its length, name and checksum.
    let header = 8 + 12 + 13;
    [&png[..header], &chunk(kind, data), &png[header..]].concat()
}

/// A PNG of that size, bits a sample and kind of colour, whose rows (each without its filter) are stored
/// as they are.
pub fn png(size: (u32, u32), bits: u8, colour: u8, extra: Chunks<'_>, rows: &[&[u8]]) -> Vec<u8> {
    stored_png(size, [bits, colour, 0, 0, 0], extra, rows)
}

/// The same of the rows of Adam7's passes.
pub fn png_in_passes(size: (u32, u32), bits: u8, colour: u8, extra: Chunks<'_>, rows: &[&[u8]]) -> Vec<u8> {
    stored_png(size, [bits, colour, 0, 0, 1], extra, rows)
}

/// Chunks with their names.
type Chunks<'data> = &'data [(&'data [u8; 4], &'data [u8])];

fn stored_png(size: (u32, u32), kind: [u8; 5], extra: Chunks<'_>, rows: &[&[u8]]) -> Vec<u8> {
    let mut header = size.0.to_be_bytes().to_vec();
    header.extend(size.1.to_be_bytes());
    header.extend(kind);
    let raw: Vec<u8> = rows.iter().flat_map(|row| [&[0], *row].concat()).collect();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let length = raw.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(&raw);
    stream.extend((b << 16 | a).to_be_bytes());
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(b"IHDR", &header));
    for (kind, data) in extra {
        png.extend(chunk(kind, data));
    }
    png.extend(chunk(b"IDAT", &stream));
    png.extend(chunk(b"IEND", &[]));
    png
}

/// The chunks of a WebP behind an extended header with those flags, on a canvas of that size.
fn webp_extended(flags: u8, (width, height): (u32, u32), chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut header = vec![flags, 0, 0, 0];
    header.extend(&(width - 1).to_le_bytes()[..3]);
    header.extend(&(height - 1).to_le_bytes()[..3]);
    let mut body = b"WEBP".to_vec();
    let all = [(b"VP8X", header.as_slice())];
    for (name, data) in all.iter().chain(chunks) {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.extend(&[0][..data.len() % 2]);
    }
    [b"RIFF", (body.len() as u32).to_le_bytes().as_slice(), &body].concat()
}

/// A lossless WebP's picture in a file with EXIF data.
pub fn webp_with_exif(webp: &[u8], size: (u32, u32), orientation: u8) -> Vec<u8> {
    webp_extended(
        0x08,
        size,
        &[(b"VP8L", picture_of(webp)), (b"EXIF", &tiff(orientation))],
    )
}

/// The same picture twice, as an animation.
pub fn webp_animated(webp: &[u8], size: (u32, u32)) -> Vec<u8> {
    let picture = picture_of(webp);
    let mut frame = vec![0; 6];
    frame.extend(&(size.0 - 1).to_le_bytes()[..3]);
    frame.extend(&(size.1 - 1).to_le_bytes()[..3]);
    frame.extend([100, 0, 0, 0]);
    frame.extend(b"VP8L");
    frame.extend((picture.len() as u32).to_le_bytes());
    frame.extend(picture);
    frame.extend(&[0][..picture.len() % 2]);
    webp_extended(0x02, size, &[(b"ANIM", &[0; 6]), (b"ANMF", &frame), (b"ANMF", &frame)])
}

/// The data of the VP8L chunk, the only one that the encoder writes.
fn picture_of(webp: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(webp[16..20].try_into().expect("four bytes")) as usize;
    &webp[20..20 + length]
}

/// A JPEG of 8 x 8 equal pixels with four components, as image editors write them: stored inverted,
/// with an Adobe marker whose `transform` is 0 for CMYK and 2 for YCCK (the inks as luma and chroma).
pub fn four_components(transform: u8, values: [u8; 4]) -> Vec<u8> {
    let mut jpeg = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0".to_vec();
    jpeg.push(transform);
    // One quantisation table of 8s: the first coefficient then is the mean.
    jpeg.extend(b"\xff\xdb\0\x43\0");
    jpeg.extend([8; 64]);
    jpeg.extend(b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04");
    jpeg.extend((1..=4).flat_map(|component| [component, 0x11, 0]));
    // Means: nine lengths, each a code of four bits. Other coefficients: only their end, one bit.
    jpeg.extend(b"\xff\xc4\0\x1c\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08");
    jpeg.extend(b"\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    jpeg.extend(b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0");
    let mut bits = String::new();
    for value in values {
        let mean = i32::from(value) - 128;
        let length = (32 - mean.unsigned_abs().leading_zeros()) as usize;
        let shown = if mean < 0 { mean + (1 << length) - 1 } else { mean };
        bits += &format!("{length:04b}");
        if length > 0 {
            bits += &format!("{shown:0length$b}");
        }
        bits += "0";
    }
    while !bits.len().is_multiple_of(8) {
        bits += "1";
    }
    for byte in bits.as_bytes().chunks(8) {
        let text = std::str::from_utf8(byte).expect("digits");
        let byte = u8::from_str_radix(text, 2).expect("digits");
        jpeg.push(byte);
        if byte == 0xff {
            jpeg.push(0);
        }
    }
    jpeg.extend(b"\xff\xd9");
    jpeg
}
