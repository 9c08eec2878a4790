//! "Does a depend on b?" of trees that never change: each disk's place in a walk from the bases up,
//! and where the walk leaves its subtree. Two reads and two comparisons.

/// Where the walk enters and leaves each disk.
pub(crate) struct Intervals(Vec<(u32, u32)>);

impl Intervals {
    /// Numbers the forest of `parents`, where each disk's parent has a lower number.
    pub(crate) fn of(parents: &[Option<usize>]) -> Self {
        // Parents come first, so subtree sizes add up from the back and places go out from the front.
        let mut sizes = vec![1_u32; parents.len()];
        for (disk, parent) in parents.iter().enumerate().rev() {
            let size = sizes.get(disk).copied().unwrap_or_default();
            if let Some(sum) = parent.and_then(|parent| sizes.get_mut(parent)) {
                *sum += size;
            }
        }
        let mut free = vec![0_u32; parents.len()];
        let mut places = Vec::with_capacity(parents.len());
        let mut next_root = 0;
        for (parent, size) in parents.iter().zip(&sizes) {
            let place = parent.and_then(|parent| free.get_mut(parent)).unwrap_or(&mut next_root);
            let enter = *place;
            *place += size;
            if let Some(free) = free.get_mut(places.len()) {
                *free = enter + 1;
            }
            places.push((enter, enter + size));
        }
        Self(places)
    }

    /// Whether `a` is above `b`, `false` for numbers that are no disk's.
    pub(crate) fn depends_on(&self, a: u32, b: u32) -> bool {
        let (Some(a), Some(b)) = (self.0.get(a as usize), self.0.get(b as usize)) else {
            return false;
        };
        b.0 < a.0 && a.0 < b.1
    }
}
