//! From the bytes that people upload to upright RGB: every file here is a real one, encoded in its test.

mod encoded;
mod reference;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use vision::picture::{DecodeError, Format, Limits, decode, header};

use encoded::{encode, four_components, jpeg_with_exif, png, png_with, webp_animated, webp_with_exif};

fn decoded(bytes: &[u8]) -> RgbImage {
    decode(bytes, &Limits::default()).expect("decodes")
}

fn near(found: Rgb<u8>, meant: [u8; 3]) -> bool {
    found
        .0
        .iter()
        .zip(meant)
        .all(|(found, meant)| found.abs_diff(meant) < 6)
}

/// Red above green, left of blue: no turning or mirroring leaves it as it is.
fn corner() -> RgbImage {
    RgbImage::from_fn(32, 16, |x, y| match (x < 16, y < 8) {
        (true, true) => Rgb([255, 0, 0]),
        (false, true) => Rgb([0, 0, 255]),
        (true, false) => Rgb([0, 255, 0]),
        (false, false) => Rgb([0, 0, 0]),
    })
}

#[test]
fn every_orientation_is_undone_in_every_format_before_anything_is_measured() {
    let picture = DynamicImage::from(corner());
    let jpeg = encode(&picture, ImageFormat::Jpeg);
    let plain = encode(&picture, ImageFormat::Png);
    let webp = encode(&picture, ImageFormat::WebP);
    let (red, blue, green, black) = ([255, 0, 0], [0, 0, 255], [0, 255, 0], [0; 3]);
    // The colours of the upright picture's corners: left upper, right upper, left lower, right lower.
    for (orientation, corners) in [
        (1, [red, blue, green, black]),
        (2, [blue, red, black, green]),
        (3, [black, green, blue, red]),
        (4, [green, black, red, blue]),
        (5, [red, green, blue, black]),
        (6, [green, red, black, blue]),
        (7, [black, blue, green, red]),
        (8, [blue, black, red, green]),
    ] {
        for bytes in [
            jpeg_with_exif(&jpeg, orientation),
            png_with(&plain, b"eXIf", &encoded::tiff(orientation)),
            webp_with_exif(&webp, (32, 16), orientation),
        ] {
            let head = header(&bytes, &Limits::default()).expect("reads");
            let upright = decoded(&bytes);
            let size = if orientation > 4 { (16, 32) } else { (32, 16) };
            assert_eq!((head.width, head.height), size, "{:?}, {orientation}", head.format);
            assert_eq!(upright.dimensions(), size, "{:?}, {orientation}", head.format);
            let (right, bottom) = (size.0 - 2, size.1 - 2);
            for ((x, y), meant) in [(1, 1), (right, 1), (1, bottom), (right, bottom)]
                .into_iter()
                .zip(corners)
            {
                let found = *upright.get_pixel(x, y);
                assert!(
                    near(found, meant),
                    "{:?}, {orientation}: {found:?} at {x}, {y}",
                    head.format
                );
            }
        }
    }
}

#[test]
fn grey_and_few_colours_and_deep_ones_become_eight_bits_of_red_green_and_blue() {
    let palette: &[(&[u8; 4], &[u8])] = &[(b"PLTE", &[200, 16, 40, 0, 0, 255]), (b"tRNS", &[255, 0])];
    for (what, bytes, meant) in [
        (
            "grey of one bit",
            png((2, 1), 1, 0, &[], &[&[0b0100_0000]]),
            [[0; 3], [255; 3]],
        ),
        (
            "grey of two bits",
            png((2, 1), 2, 0, &[], &[&[0b0110_0000]]),
            [[85; 3], [170; 3]],
        ),
        (
            "grey of 16 bits",
            png((2, 1), 16, 0, &[], &[&[0x80, 0, 0xff, 0xff]]),
            [[128; 3], [255; 3]],
        ),
        (
            "grey with alpha",
            png((2, 1), 8, 4, &[], &[&[10, 255, 10, 0]]),
            [[10; 3], [255; 3]],
        ),
        (
            "grey of 16 bits with alpha",
            png((2, 1), 16, 4, &[], &[&[0, 0, 0x80, 0, 0, 0, 0, 0]]),
            [[127; 3], [255; 3]],
        ),
        (
            "a palette, half of it clear",
            png((2, 1), 1, 3, palette, &[&[0b0100_0000]]),
            [[200, 16, 40], [255; 3]],
        ),
        (
            "a colour that stands for clear",
            png((2, 1), 8, 2, &[(b"tRNS", &[0, 9, 0, 8, 0, 7])], &[&[9, 8, 7, 9, 8, 6]]),
            [[255; 3], [9, 8, 6]],
        ),
        (
            "16 bits",
            png(
                (2, 1),
                16,
                2,
                &[],
                &[&[0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
            ),
            [[255, 128, 0], [0, 0, 255]],
        ),
    ] {
        let found = decoded(&bytes);
        for (x, meant) in (0..2).zip(meant) {
            let pixel = found.get_pixel(x, 0).0;
            let off = pixel
                .iter()
                .zip(meant)
                .map(|(found, meant)| found.abs_diff(meant))
                .max();
            assert!(off <= Some(1), "{what}: {pixel:?} in place of {meant:?}");
        }
    }
    let grey = DynamicImage::from(image::GrayImage::from_pixel(9, 9, image::Luma([90])));
    assert!(near(
        *decoded(&encode(&grey, ImageFormat::Jpeg)).get_pixel(4, 4),
        [90; 3]
    ));
}

#[test]
fn a_file_that_comes_in_passes_gives_the_pixels_of_one_that_does_not() {
    // Eight by eight different greys, in the seven passes of Adam7: (left, top, step across, step down).
    let grey = |x: u8, y: u8| 3 * (8 * y + x);
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let rows: Vec<Vec<u8>> = passes
        .into_iter()
        .flat_map(|(left, top, across, down)| {
            let row = move |y: u8| (left..8).step_by(across).map(|x| grey(x, y)).collect();
            (top..8_u8).step_by(down).map(row)
        })
        .collect();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let interlaced = decoded(&encoded::png_in_passes((8, 8), 8, 0, &[], &rows));
    for (x, y, pixel) in interlaced.enumerate_pixels() {
        assert_eq!(pixel, &Rgb([grey(x as u8, y as u8); 3]), "{x}, {y}");
    }

    let picture = corner();
    let [one_pass, several] = [false, true].map(|progressive| {
        let mut encoder = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
        encoder.set_size(32, 16);
        encoder.set_optimize_scans(false);
        if progressive {
            encoder.set_progressive_mode();
        }
        let mut encoder = encoder.start_compress(Vec::new()).expect("starts");
        encoder.write_scanlines(picture.as_raw()).expect("encodes");
        encoder.finish().expect("encodes")
    });
    let starts = |bytes: &[u8]| bytes.windows(2).filter(|pair| *pair == [0xff, 0xda]).count();
    assert!(starts(&several) > starts(&one_pass), "it is progressive");
    // The encoder rounds otherwise where it writes several scans.
    let (several, one_pass) = (decoded(&several), decoded(&one_pass));
    let pairs = several.as_raw().iter().zip(one_pass.as_raw());
    assert_eq!(several.dimensions(), one_pass.dimensions());
    assert!(pairs.map(|(a, b)| a.abs_diff(*b)).max() < Some(16));
}

#[test]
fn a_header_that_lies_is_refused_or_padded_and_costs_no_more_than_it_says() {
    let picture = DynamicImage::from(RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 4, y as u8 * 4, 9])));
    let limits = Limits::default();
    // A PNG with the data of 64 rows that claims 6400, its checksum made to fit.
    let plain = encode(&picture, ImageFormat::Png);
    let mut header = plain[16..29].to_vec();
    header[4..8].copy_from_slice(&6400_u32.to_be_bytes());
    let longer = [&plain[..8], &encoded::chunk(b"IHDR", &header), &plain[33..]].concat();
    let error = decode(&longer, &limits).expect_err("has too few rows");
    assert_eq!(error.reason(), "undecodable");
    // One that claims 20,000 x 20,000 is refused unread.
    header[..4].copy_from_slice(&20_000_u32.to_be_bytes());
    header[4..8].copy_from_slice(&20_000_u32.to_be_bytes());
    let bomb = [&plain[..8], &encoded::chunk(b"IHDR", &header), &plain[33..]].concat();
    let error = decode(&bomb, &limits).expect_err("is too large");
    assert_eq!(error.to_string(), "too large: 20000 x 20000 pixels");
    // A JPEG of 64 rows that claims 128: what is missing is padded, as every viewer does, or it is refused.
    let mut jpeg = encode(&picture, ImageFormat::Jpeg);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .expect("a frame header");
    jpeg[frame + 5..frame + 7].copy_from_slice(&128_u16.to_be_bytes());
    match decode(&jpeg, &limits) {
        Ok(padded) => assert_eq!(padded.dimensions(), (64, 128)),
        Err(error) => assert!(["undecodable", "truncated"].contains(&error.reason()), "{error}"),
    }
    // A WebP whose length field claims more than there is.
    let mut webp = encode(&picture, ImageFormat::WebP);
    webp[4..8].copy_from_slice(&1_000_000_u32.to_le_bytes());
    assert_eq!(decode(&webp, &limits), Err(DecodeError::Truncated));
}

#[test]
fn what_takes_more_memory_than_is_allowed_is_refused_by_its_header() {
    let deep = DynamicImage::from(image::ImageBuffer::from_pixel(640, 480, Rgba([0_u16; 4])));
    let bytes = encode(&deep, ImageFormat::Png);
    let needed = header(&bytes, &Limits::default()).expect("reads").decoding;
    let limits = |memory| Limits {
        memory,
        ..Limits::default()
    };
    assert!(decode(&bytes, &limits(needed)).is_ok());
    let error = decode(&bytes, &limits(needed - 1)).expect_err("is refused");
    assert_eq!(error.reason(), "too-large");
    assert!(error.to_string().contains("640 x 480 pixels takes 5 MB"), "{error}");
}

#[test]
fn several_frames_are_refused_as_animation() {
    let picture = DynamicImage::from(corner());
    let webp = encode(&picture, ImageFormat::WebP);
    let plain = encode(&picture, ImageFormat::Png);
    let frames = |count: usize| {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        let frame = || image::Frame::new(RgbaImage::from_pixel(9, 7, Rgba([200, 0, 0, 255])));
        encoder.encode_frames((0..count).map(|_| frame())).expect("encodes");
        drop(encoder);
        bytes
    };
    for (what, bytes) in [
        ("gif", frames(2)),
        ("apng", png_with(&plain, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])),
        ("webp", webp_animated(&webp, (32, 16))),
    ] {
        let error = decode(&bytes, &Limits::default()).expect_err(what);
        assert_eq!(
            (&error, error.reason()),
            (&DecodeError::Animation, "animation"),
            "{what}"
        );
    }
    assert_eq!(decoded(&frames(1)).dimensions(), (9, 7), "one frame is a picture");
}

#[test]
fn videos_and_formats_that_are_not_read_are_named() {
    for (bytes, reason, named) in [
        (b"\0\0\0\x18ftypmp42\0\0\0\0".as_slice(), "video", "MP4"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video", "MP4"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0", "video", "WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "AVI"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "unknown-format", "HEIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unknown-format", "JPEG 2000"),
        (b"8BPS\0\x01", "unknown-format", "PSD"),
        (b"<html>busy</html>", "unknown-format", "not a picture"),
        (b"", "unknown-format", "not a picture"),
    ] {
        for error in [
            decode(bytes, &Limits::default()).expect_err("is refused"),
            header(bytes, &Limits::default()).expect_err("is refused"),
        ] {
            assert_eq!(error.reason(), reason, "{named}");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}

#[test]
fn what_decoding_takes_is_told_by_the_header_alone() {
    let (width, height) = (640, 480);
    let pixels = u64::from(width * height);
    let rgb = DynamicImage::from(RgbImage::new(width, height));
    let deep = DynamicImage::from(image::ImageBuffer::from_pixel(width, height, Rgba([0_u16; 4])));
    for (bytes, least) in [
        (encode(&rgb, ImageFormat::Png), 3),
        (encode(&rgb, ImageFormat::Jpeg), 3),
        // 8 bytes as decoded, 4 as RGBA of 8 bits, 3 as RGB.
        (encode(&deep, ImageFormat::Png), 8 + 4),
        (jpeg_with_exif(&encode(&rgb, ImageFormat::Jpeg), 6), 3 + 3),
    ] {
        let head = header(&bytes, &Limits::default()).expect("reads");
        assert!((least * pixels..=16 * pixels).contains(&head.decoding), "{head:?}");
    }
    assert_eq!(
        header(&encode(&rgb, ImageFormat::Png), &Limits::default()).map(|head| head.format),
        Ok(Format::Png)
    );
}

#[test]
fn alpha_is_composited_on_white() {
    let picture = RgbaImage::from_pixel(4, 2, Rgba([200, 0, 0, 0]));
    let flat = decode(&encode(&picture.into(), ImageFormat::Png), &Limits::default()).expect("decodes");
    assert_eq!(flat.get_pixel(0, 0), &Rgb([255; 3]));
}

#[test]
fn sixteen_bits_become_eight() {
    let picture = image::ImageBuffer::from_pixel(2, 2, Rgb([65535u16, 32768, 0]));
    let flat = decode(&encode(&picture.into(), ImageFormat::Png), &Limits::default()).expect("decodes");
    assert_eq!(flat.get_pixel(0, 0), &Rgb([255, 128, 0]));
}

#[test]
fn a_palette_becomes_its_colours() {
    let picture = RgbaImage::from_pixel(3, 2, Rgba([200, 16, 40, 255]));
    let flat = decode(&encode(&picture.into(), ImageFormat::Gif), &Limits::default()).expect("decodes");
    let near = |found: u8, meant: u8| found.abs_diff(meant) < 9;
    let Rgb([red, green, blue]) = *flat.get_pixel(1, 1);
    assert!(
        near(red, 200) && near(green, 16) && near(blue, 40),
        "{:?}",
        flat.get_pixel(1, 1)
    );
}

#[test]
fn a_jpeg_for_printing_becomes_colours_for_a_screen() {
    let cases = [
        (0, [255, 255, 255, 255], [255, 255, 255]),
        (0, [255, 0, 0, 255], [255, 0, 0]),
        (0, [255, 255, 255, 0], [0, 0, 0]),
        (2, [0, 128, 128, 255], [255, 255, 255]),
        (2, [179, 171, 1, 255], [255, 0, 0]),
    ];
    for (transform, stored, meant) in cases {
        let flat = decode(&four_components(transform, stored), &Limits::default()).expect("decodes");
        let found = flat.get_pixel(4, 4).0;
        let near = found
            .iter()
            .zip(meant)
            .all(|(found, meant): (&u8, u8)| found.abs_diff(meant) < 6);
        assert!(
            near,
            "transform {transform}, {stored:?}: {found:?} in place of {meant:?}"
        );
    }
}

#[test]
fn a_truncated_file_is_told_from_a_whole_one() {
    let picture = DynamicImage::from(RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 4, y as u8 * 4, 9])));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let bytes = encode(&picture, format);
        assert!(decode(&bytes, &Limits::default()).is_ok(), "{format:?}");
        let error = decode(&bytes[..bytes.len() - 12], &Limits::default()).expect_err("is cut off");
        assert_eq!(error, DecodeError::Truncated, "{format:?}");
    }
}

/// A segment of a JPEG.
fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], data].concat()
}

#[test]
fn the_end_of_a_thumbnail_is_not_the_end_of_its_picture() {
    let encoder = |side: u32, progressive: bool| {
        let picture = RgbImage::from_fn(side, side, |x, y| Rgb([x as u8 * 3, y as u8 * 3, (x * y) as u8]));
        let mut encoder = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
        encoder.set_size(side as usize, side as usize);
        if progressive {
            encoder.set_progressive_mode();
        }
        let mut encoder = encoder.start_compress(Vec::new()).expect("starts");
        encoder.write_scanlines(picture.as_raw()).expect("encodes");
        encoder.finish().expect("encodes")
    };
    let thumbnail = encoder(16, false);
    let exif = [b"Exif\0\0".as_slice(), &encoded::tiff(1), &thumbnail].concat();
    let photoshop = [b"Photoshop 3.0\x008BIM\x04\x0c\0\0".as_slice(), &thumbnail].concat();
    let extension = [b"JFXX\0\x10".as_slice(), &thumbnail].concat();
    for progressive in [false, true] {
        let plain = encoder(80, progressive);
        for (what, marker, data) in [
            ("EXIF", 0xe1, &exif),
            ("Photoshop", 0xed, &photoshop),
            ("JFXX", 0xe0, &extension),
            ("a comment", 0xfe, &thumbnail),
        ] {
            let whole = [&plain[..2], &segment(marker, data), &plain[2..]].concat();
            let behind = [
                b"".as_slice(),
                b"\0\0\0\0",
                b"bytes that a site put behind",
                // A further picture, as phones put one behind the main one (MPF): whole, and cut.
                &thumbnail,
                &thumbnail[..thumbnail.len() / 2],
            ];
            for behind in behind {
                let file = [&whole, behind].concat();
                assert_eq!(decoded(&file), decoded(&plain), "{what}, {} bytes behind", behind.len());
            }
            let start = whole.len() - plain.len();
            for cut in [start + plain.len() / 2, whole.len() - 12, whole.len() - 2] {
                // Cut, filled up with zeros, or followed by the preview that should stand behind its end.
                for rest in [b"".as_slice(), &[0; 500], &thumbnail] {
                    let file = [&whole[..cut], rest].concat();
                    assert!(
                        !Format::Jpeg.is_complete(&file),
                        "{what}, cut at {cut}, {} bytes behind",
                        rest.len()
                    );
                    let error = decode(&file, &Limits::default()).expect_err("is cut");
                    assert!(["truncated", "undecodable"].contains(&error.reason()), "{error}");
                }
            }
        }
    }
    // The same of a PNG with another one in a chunk, and of a GIF with the end's byte in a comment.
    let plain = encode(&DynamicImage::from(corner()), ImageFormat::Png);
    let nested = png_with(&plain, b"prVW", &plain);
    assert_eq!(decoded(&nested), corner());
    assert_eq!(
        decode(&nested[..nested.len() - 30], &Limits::default()),
        Err(DecodeError::Truncated)
    );
}

#[test]
fn a_scan_that_ends_before_its_last_row_is_no_whole_picture() {
    let picture = DynamicImage::from(RgbImage::from_fn(160, 160, |x, y| {
        Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8])
    }));
    let jpeg = encode(&picture, ImageFormat::Jpeg);
    for part in 3..10 {
        let mut cut = jpeg[..jpeg.len() * part / 10].to_vec();
        // Nothing but an end marker tells it from a whole file.
        cut.extend([0xff, 0xd9]);
        assert_eq!(
            decode(&cut, &Limits::default()),
            Err(DecodeError::Truncated),
            "{part}/10"
        );
    }
}

#[test]
fn the_header_alone_refuses_a_bomb() {
    let bytes = encode(&DynamicImage::from(RgbImage::new(300, 200)), ImageFormat::Png);
    let limits = Limits {
        pixels: 50_000,
        side: 1000,
        ..Limits::default()
    };
    assert_eq!(
        header(&bytes, &limits),
        Err(DecodeError::TooLarge {
            width: 300,
            height: 200
        })
    );
    assert_eq!(header(b"<html>busy</html>", &limits), Err(DecodeError::UnknownFormat));
}
