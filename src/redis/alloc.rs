//! Memory from the server's allocator, so that `used_memory`, `maxmemory` and MEMORY DOCTOR see it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::ptr;

use super::api::{api, has};

/// What every server's `zmalloc` guarantees. With the C library's malloc it puts its own word in front
/// (`PREFIX_SIZE` in zmalloc.c, Redis 7.0 to 8.0), so only a word's alignment is sure.
const SURE: usize = align_of::<usize>();

struct ServerAlloc;

#[global_allocator]
static GLOBAL: ServerAlloc = ServerAlloc;

/// Room for a stricter alignment: the block is found again through a pointer just below the payload.
fn padded(layout: Layout) -> Option<usize> {
    layout.size().checked_add(layout.align())?.checked_add(size_of::<*mut u8>())
}

// SAFETY: blocks come from the server's allocator (which aborts rather than returns null) and go back to
// it; before its table is filled nothing is allocated but what `System` also frees: nothing of this
// library runs before `OnLoad` fills the table first of all (S3).
unsafe impl GlobalAlloc for ServerAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !has!(RedisModule_Alloc) {
            // SAFETY: the caller's contract is handed on.
            return unsafe { System.alloc(layout) };
        }
        if layout.align() <= SURE {
            // SAFETY: the function is there.
            return unsafe { api!(RedisModule_Alloc(layout.size())) }.cast();
        }
        let Some(size) = padded(layout) else { return ptr::null_mut() };
        // SAFETY: the function is there; the payload starts at an aligned address after room for one
        // pointer and ends inside the block.
        unsafe {
            let block: *mut u8 = api!(RedisModule_Alloc(size)).cast();
            let first = block.add(size_of::<*mut u8>());
            let payload = first.add(first.align_offset(layout.align()));
            payload.cast::<*mut u8>().sub(1).write_unaligned(block);
            payload
        }
    }

    unsafe fn dealloc(&self, payload: *mut u8, layout: Layout) {
        if !has!(RedisModule_Free) {
            // SAFETY: the caller's contract is handed on.
            return unsafe { System.dealloc(payload, layout) };
        }
        let block = if layout.align() <= SURE {
            payload
        } else {
            // SAFETY: `alloc` wrote the block's address there.
            unsafe { payload.cast::<*mut u8>().sub(1).read_unaligned() }
        };
        // SAFETY: the block came from the same allocator.
        unsafe { api!(RedisModule_Free(block.cast::<c_void>())) }
    }

    unsafe fn realloc(&self, payload: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if has!(RedisModule_Realloc) && layout.align() <= SURE {
            // SAFETY: the block came from the same allocator and is its payload.
            return unsafe { api!(RedisModule_Realloc(payload.cast::<c_void>(), size)) }.cast();
        }
        // SAFETY: the caller guarantees that the new size fits the layout's alignment; old and new block do
        // not overlap.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(payload, new, layout.size().min(size));
                self.dealloc(payload, layout);
            }
            new
        }
    }
}
