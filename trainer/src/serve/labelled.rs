//! Heads as PNG files that say by themselves which they are.

use std::io::{BufReader, Read, Seek};

use anyhow::{Context, Result};
use image::RgbImage;

/// The keyword of the text (iTXt) that holds the addresses of the heads shown, one a line.
const KEYWORD: &str = "head";

/// A picture with the addresses of its heads: equal ones give equal bytes.
///
/// # Errors
/// Where the encoder fails.
pub fn write(picture: &RgbImage, addresses: &[&str]) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_itxt_chunk(KEYWORD.into(), addresses.join("\n"))?;
    let mut writer = encoder.write_header().context("cannot write a PNG")?;
    writer.write_image_data(picture.as_raw())?;
    writer.finish()?;
    Ok(file)
}

/// The addresses that a file holds; none where it is no such file.
pub fn read(file: impl Read + Seek) -> Option<String> {
    let reader = png::Decoder::new(BufReader::new(file)).read_info().ok()?;
    let mut texts = reader.info().utf8_text.iter();
    texts.find(|text| text.keyword == KEYWORD)?.get_text().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_file_gives_picture_and_addresses_back() {
        let picture = RgbImage::from_fn(5, 7, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let file = write(&picture, &["größer@1-00000000/1.1", "a@1-00000000/2.2~t0.7"]).expect("writes");
        assert_eq!(
            file,
            write(&picture, &["größer@1-00000000/1.1", "a@1-00000000/2.2~t0.7"]).expect("writes")
        );
        assert_eq!(image::load_from_memory(&file).expect("decodes").into_rgb8(), picture);
        let read = |bytes: &[u8]| read(Cursor::new(bytes.to_vec()));
        assert_eq!(
            read(&file).as_deref(),
            Some("größer@1-00000000/1.1\na@1-00000000/2.2~t0.7")
        );
        assert_eq!(read(&file[..40]), None);
        assert_eq!(read(&vision::picture::png(&picture).expect("writes")), None);
    }
}
