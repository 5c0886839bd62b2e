//! `Bounds`: the memory and the nesting levels that decoding may still use.
//!
//! Every allocation that input can cause is charged before it is made. A list or map is charged for
//! its capacity whenever it grows, and the budget must also cover the copy that the move makes.
//! Text and bytes are charged for their length; `Bytes` that share the input are free. A box is
//! charged for its content. The top-level message itself belongs to the caller. Levels are counted
//! and their stack use is measured, because the stack frames of a message with hundreds of fields
//! are large.

use crate::codec::proto::decode_error::DecodeError;

/// Maximum nesting depth of messages.
const DEPTH: u32 = 100;

/// Maximum number of bytes of stack that nested messages may use: a quarter of a thread's usual
/// stack. Unoptimized code uses about 9 KiB for a level of JSON, so it may use half of the stack.
const STACK: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    512 << 10
};

/// The memory and the nesting levels that decoding may still use.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    budget: usize,
    depth: u32,
    /// The approximate stack pointer when decoding began.
    base: usize,
}

impl Bounds {
    /// Allows at most `memory` bytes of allocations, and 100 levels, or 512 KiB of stack (1 MiB
    /// without optimization).
    pub fn new(memory: usize) -> Self {
        Self {
            budget: memory,
            depth: DEPTH,
            base: stack(),
        }
    }

    /// Charges `bytes` that are about to be allocated.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(DecodeError::Memory)?;
        Ok(())
    }

    /// Number of bytes that may still be allocated.
    pub(crate) fn left(&self) -> usize {
        self.budget
    }

    /// Reserves capacity for `more` items in a list that has no spare capacity.
    #[cold]
    pub fn grow<T>(&mut self, list: &mut Vec<T>, more: usize) -> Result<(), DecodeError> {
        let needed = list.len().checked_add(more).ok_or(DecodeError::Memory)?;
        let capacity = needed.max(list.capacity().saturating_mul(2)).max(4);
        let bytes = (capacity - list.capacity()).checked_mul(size_of::<T>());
        self.charge(bytes.ok_or(DecodeError::Memory)?)?;
        // While the items are moved, the old and the new allocation exist together.
        if self.budget < list.capacity() * size_of::<T>() {
            return Err(DecodeError::Memory);
        }
        list.reserve_exact(capacity - list.len());
        Ok(())
    }

    /// Enters a nested message.
    #[inline]
    pub fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth = self.depth.checked_sub(1).ok_or(DecodeError::Depth)?;
        // The absolute difference works for both directions of stack growth.
        if stack().abs_diff(self.base) > STACK {
            return Err(DecodeError::Depth);
        }
        Ok(())
    }

    /// Leaves a nested message.
    #[inline]
    pub fn leave(&mut self) {
        self.depth += 1;
    }
}

/// The approximate stack pointer.
#[inline]
fn stack() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}
