//! OpenCV's `groupRectangles`: many windows round one face become one.

use super::scan::Window;

/// How far apart two windows of one face may be, as a share of their sides.
const NEARNESS: f64 = 0.2;

/// The mean of each group of more than `neighbours` windows, and how many they are. A group that lies
/// within a larger one of more windows is left out. 0 neighbours leave every window by itself.
pub(super) fn group(windows: &[Window], neighbours: u32) -> Vec<(Window, u32)> {
    if neighbours == 0 {
        return windows.iter().map(|window| (*window, 1)).collect();
    }
    let means: Vec<(Window, u32)> = classes(windows)
        .into_iter()
        .filter(|members| members.len() as u32 > neighbours)
        .map(|members| (mean(windows, &members), members.len() as u32))
        .collect();
    let kept = means.iter().enumerate().filter(|(number, small)| {
        let mut others = means.iter().enumerate().filter(|(other, _)| other != number);
        !others.any(|(_, large)| swallows(large, small))
    });
    kept.map(|(_, kept)| *kept).collect()
}

/// Indices of windows that are near each other, directly or by way of others.
fn classes(windows: &[Window]) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..windows.len()).collect();
    fn find(leader: &mut [usize], mut at: usize) -> usize {
        while leader[at] != at {
            leader[at] = leader[leader[at]];
            at = leader[at];
        }
        at
    }
    for a in 0..windows.len() {
        for b in 0..a {
            if near(&windows[a], &windows[b]) {
                let (first, second) = (find(&mut leader, a), find(&mut leader, b));
                leader[first] = second;
            }
        }
    }
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); windows.len()];
    for window in 0..windows.len() {
        members[find(&mut leader, window)].push(window);
    }
    members.retain(|members| !members.is_empty());
    members
}

fn near(a: &Window, b: &Window) -> bool {
    let sides = f64::from(a.width.min(b.width) + a.height.min(b.height));
    let apart = |a: i32, b: i32| f64::from((a - b).abs()) <= NEARNESS * sides * 0.5;
    apart(a.x, b.x) && apart(a.y, b.y) && apart(a.x + a.width, b.x + b.width) && apart(a.y + a.height, b.y + b.height)
}

/// In single precision and rounded to even, as there.
fn mean(windows: &[Window], members: &[usize]) -> Window {
    let share = 1.0 / members.len() as f32;
    let mean = |of: fn(&Window) -> i32| {
        let sum: i64 = members.iter().map(|member| i64::from(of(&windows[*member]))).sum();
        (sum as f32 * share).round_ties_even() as i32
    };
    Window {
        x: mean(|window| window.x),
        y: mean(|window| window.y),
        width: mean(|window| window.width),
        height: mean(|window| window.height),
    }
}

fn swallows((large, votes): &(Window, u32), (small, fewer): &(Window, u32)) -> bool {
    let reach = |side: i32| (f64::from(side) * NEARNESS).round_ties_even() as i32;
    let (across, down) = (reach(large.width), reach(large.height));
    small.x >= large.x - across
        && small.y >= large.y - down
        && small.x + small.width <= large.x + large.width + across
        && small.y + small.height <= large.y + large.height + down
        && (*votes > (*fewer).max(3) || *fewer < 3)
}
