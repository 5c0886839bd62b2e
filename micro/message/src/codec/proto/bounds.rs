//! `Bounds`: how much memory and how many levels input may still take.
//!
//! The rule: every allocation that input can cause is paid for before it is made. A list or map
//! pays for its capacity whenever it grows, and needs room for the move; text and bytes pay for
//! their length (`Bytes` that share the input are free), a box pays for what is in it. The top
//! message itself is the caller's. Levels are counted, and their stack is measured, because the
//! frames of a message with hundreds of fields are large.

use crate::codec::proto::fault::Fault;

/// How deep messages may nest.
const DEPTH: u32 = 100;

/// How many bytes of the stack they may take: a fourth of what a thread usually has.
const STACK: usize = 512 << 10;

/// How much memory and how many levels input may still take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    budget: usize,
    depth: u32,
    /// Where the stack was when reading began.
    base: usize,
}

impl Bounds {
    /// At most `memory` bytes of allocations, and 100 levels or 512 KiB of stack.
    pub fn new(memory: usize) -> Self {
        Self {
            budget: memory,
            depth: DEPTH,
            base: stack(),
        }
    }

    /// Pays for `bytes` about to be allocated.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        self.budget = self.budget.checked_sub(bytes).ok_or(Fault::Memory)?;
        Ok(())
    }

    /// How many bytes may still be allocated.
    pub(crate) fn left(&self) -> usize {
        self.budget
    }

    /// Makes room for `more` items in a list that has none left.
    #[cold]
    pub fn grow<T>(&mut self, list: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        let needed = list.len().checked_add(more).ok_or(Fault::Memory)?;
        let capacity = needed.max(list.capacity().saturating_mul(2)).max(4);
        let bytes = (capacity - list.capacity()).checked_mul(size_of::<T>());
        self.charge(bytes.ok_or(Fault::Memory)?)?;
        // While items move, the old place is there beside the new one.
        if self.budget < list.capacity() * size_of::<T>() {
            return Err(Fault::Memory);
        }
        list.reserve_exact(capacity - list.len());
        Ok(())
    }

    /// Goes one level deeper.
    #[inline]
    pub fn enter(&mut self) -> Result<(), Fault> {
        self.depth = self.depth.checked_sub(1).ok_or(Fault::Depth)?;
        // Which way a stack grows does not matter.
        if stack().abs_diff(self.base) > STACK {
            return Err(Fault::Depth);
        }
        Ok(())
    }

    /// Comes back.
    #[inline]
    pub fn leave(&mut self) {
        self.depth += 1;
    }
}

/// About where the stack is.
#[inline]
fn stack() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}
