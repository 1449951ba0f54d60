//! Keeping the threads of a short command on one processor.

/// A command that asks one thing and ends is threads that hand work to each other a few dozen times.
/// On one processor each time is a switch; between two it wakes one that sleeps, which on a virtual
/// machine takes longer than the work that is handed over.
#[cfg(target_os = "linux")]
pub(super) fn stay() {
    use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

    let here = sched_getcpu();
    if here < CpuSet::MAX_CPU {
        let mut only = CpuSet::new();
        only.set(here);
        // Where it is not allowed, the command just takes longer.
        let _ = sched_setaffinity(None, &only);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stay() {}
