//! One AV1 frame, by rav1d.

use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::planes::{Planes, Sampling};
use crate::picture::DecodeError;

/// The samples of the frame in an item's data, which must have that size: the last one that is shown, for
/// an item may hold coarser layers before it.
///
/// # Errors
/// [`DecodeError::Corrupt`].
pub(super) fn decode(data: Vec<u8>, size: (u32, u32)) -> Result<Planes, DecodeError> {
    let wrong = |error: Error| DecodeError::Corrupt(format!("AV1: {error}"));
    let mut settings = Settings::new();
    // One thread each: several pictures are decoded at once, and no thread is left waiting for another.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(size.0.saturating_mul(size.1));
    let mut decoder = Decoder::with_settings(&settings).map_err(wrong)?;
    let mut last = None;
    let mut sent = decoder.send_data(data, None, None, None);
    loop {
        let taken = decoder.get_picture();
        if let Err(error) = sent
            && !error.is_again()
        {
            return Err(wrong(error));
        }
        match taken {
            Ok(picture) => last = Some(picture),
            // All data are sent and all pictures taken; or neither goes on, which would last for ever.
            Err(Error::Again) => break,
            Err(error) => return Err(wrong(error)),
        }
        sent = decoder.send_pending_data();
    }
    let picture = last.ok_or_else(|| DecodeError::Corrupt("AV1: no frame".into()))?;
    if (picture.width(), picture.height()) != size {
        return Err(DecodeError::Corrupt(format!(
            "AV1: a frame of {} x {} where {} x {} is promised",
            picture.width(),
            picture.height(),
            size.0,
            size.1
        )));
    }
    samples(&picture)
}

fn samples(picture: &Picture) -> Result<Planes, DecodeError> {
    let size = (picture.width(), picture.height());
    let sampling = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some(Sampling { across: 2, down: 2 }),
        PixelLayout::I422 => Some(Sampling { across: 2, down: 1 }),
        PixelLayout::I444 => Some(Sampling { across: 1, down: 1 }),
    };
    let bits = picture.bits_per_component().map_or(8, |bits| bits.0 as u32);
    let mut planes = Planes::new(size, bits, sampling);
    // The numbers are those of H.273, which the enums of the library carry.
    planes.primaries = picture.color_primaries() as u8;
    planes.transfer = picture.transfer_characteristic() as u8;
    planes.matrix = picture.matrix_coefficients() as u8;
    planes.full = matches!(picture.color_range(), re_rav1d::dav1d::pixel::YUVRange::Full);
    let components = [
        PlanarImageComponent::Y,
        PlanarImageComponent::U,
        PlanarImageComponent::V,
    ];
    for (plane, component) in planes.planes.iter_mut().zip(components) {
        let stride = picture.stride(component) as usize;
        let bytes = picture.plane(component);
        let wide = plane.width as usize;
        for (row, to) in bytes
            .chunks(stride.max(1))
            .zip(plane.samples.chunks_exact_mut(wide.max(1)))
        {
            if bits == 8 {
                to.iter_mut().zip(row).for_each(|(to, from)| *to = u16::from(*from));
            } else {
                let pairs = row.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]]));
                to.iter_mut().zip(pairs).for_each(|(to, from)| *to = from);
            }
        }
    }
    Ok(planes)
}
