//! Workers that get nowhere are abandoned.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::doubt::{Doubt, DoubtKind};
use crate::scan::crew::Shared;
use crate::scan::crew::state::State;
use crate::scan::work::Work;

/// More workers than these are not given up: whatever is left then is a doubt.
const MOST_ABANDONED: usize = 64;

impl Shared {
    /// Abandons the workers that get nowhere.
    pub(super) fn look_after(self: &Arc<Self>, state: &mut State, now: Instant) {
        for number in 0..state.posts.len() {
            let post = &mut state.posts[number];
            let Some(work) = post.work.clone().filter(|_| !post.is_abandoned) else { continue };
            let seen = (post.turn, post.position.load(Ordering::Relaxed));
            if seen != post.seen {
                (post.seen, post.since) = (seen, now);
            } else if now.duration_since(post.since) >= self.orders.patience {
                post.is_abandoned = true;
                state.busy -= 1;
                state.workers -= 1;
                state.abandoned += 1;
                self.replace(state, &work, seen.1);
            }
        }
    }

    /// What was being asked is a doubt; another worker goes on with the rest.
    fn replace(self: &Arc<Self>, state: &mut State, work: &Work, position: u64) {
        let reason = self.orders.silence();
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        match work.stuck_at(position) {
            Some(stuck) => {
                state.found.doubts.push(Doubt { path: stuck.path, kind: DoubtKind::File, reason });
                state.silent.extend(stuck.silent);
                state.work.push(stuck.rest);
            }
            None => state.give_up(work, &reason),
        }
        if state.abandoned > MOST_ABANDONED {
            while let Some(work) = state.take() {
                state.give_up(&work, "too much of this host does not answer");
            }
        }
        self.hire(state);
        self.work_there.notify_all();
        self.news.notify_all();
    }
}
