//! Memory from the server's allocator, so that `used_memory`, `maxmemory` and MEMORY DOCTOR see it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::ptr;

use super::api::{api, has};
use super::fault;

/// What every server's `zmalloc` guarantees. With the C library's malloc it puts its own word in front
/// (`PREFIX_SIZE` in zmalloc.c, Redis 7.0 to 8.0), so only a word's alignment is sure.
const SURE: usize = align_of::<usize>();

/// The alignment that an unwinder expects of the exception of a panic: 16 bytes (`_Unwind_Exception` of the Itanium C++ ABI
/// has the strictest alignment of the processor). LLVM's unwinder writes to it with instructions that need this alignment;
/// libgcc's does not. The standard library allocates an exception as a block of a word's alignment.
const EXCEPTION_ALIGN: usize = 16;

/// What the module with the feature `faults` leaves in front of each block, as those servers do: its tests then show that
/// nothing relies on a better alignment, whatever their server does.
const PREFIX: usize = if cfg!(feature = "faults") { SURE } else { 0 };

struct ServerAlloc;

#[global_allocator]
static GLOBAL: ServerAlloc = ServerAlloc;

/// Returns the alignment that a block needs, at least that of its layout.
///
/// A block that may be an exception gets `EXCEPTION_ALIGN`. The ABI's part of an exception has four words, and the standard
/// library adds three (`library/panic_unwind/src/gcc.rs`, Rust 1.90 to 1.95). More sizes are taken for exceptions than this
/// one, so that a release of Rust may add a word. Bytes and strings have a smaller alignment and are not among them.
fn alignment(layout: Layout) -> usize {
    let may_be_exception = layout.align() == SURE && (5 * SURE..=8 * SURE).contains(&layout.size());
    if may_be_exception { EXCEPTION_ALIGN } else { layout.align() }
}

/// Returns the room for a block of a stricter alignment than `SURE`: it is found again through a pointer just below the
/// payload.
fn padded(layout: Layout, align: usize) -> Option<usize> {
    layout.size().checked_add(align)?.checked_add(size_of::<*mut u8>())
}

/// # Safety
/// The table has the function (S3).
unsafe fn server_alloc(size: usize) -> *mut u8 {
    // SAFETY: the caller's contract; the block has this many bytes.
    unsafe { api!(RedisModule_Alloc(PREFIX + size)).cast::<u8>().add(PREFIX) }
}

/// # Safety
/// The table has the function (S3), and the block is of `server_alloc` or `server_realloc`.
unsafe fn server_free(block: *mut u8) {
    // SAFETY: the caller's contract.
    unsafe { api!(RedisModule_Free(block.sub(PREFIX).cast::<c_void>())) }
}

/// # Safety
/// As of `server_free`.
unsafe fn server_realloc(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's contract; the new block has this many bytes.
    unsafe {
        api!(RedisModule_Realloc(block.sub(PREFIX).cast::<c_void>(), PREFIX + size)).cast::<u8>().add(PREFIX)
    }
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
        let align = alignment(layout);
        if align <= SURE {
            // SAFETY: the function is there.
            let payload = unsafe { server_alloc(layout.size()) };
            fault::allocated(payload, layout.size());
            return payload;
        }
        let Some(size) = padded(layout, align) else { return ptr::null_mut() };
        // SAFETY: the function is there; the payload starts at an aligned address after room for one pointer and ends
        // inside the block.
        let payload = unsafe {
            let block = server_alloc(size);
            let first = block.add(size_of::<*mut u8>());
            let payload = first.add(first.align_offset(align));
            payload.cast::<*mut u8>().sub(1).write_unaligned(block);
            payload
        };
        fault::allocated(payload, layout.size());
        payload
    }

    unsafe fn dealloc(&self, payload: *mut u8, layout: Layout) {
        if !has!(RedisModule_Free) {
            // SAFETY: the caller's contract is handed on.
            return unsafe { System.dealloc(payload, layout) };
        }
        let block = if alignment(layout) <= SURE {
            payload
        } else {
            // SAFETY: `alloc` wrote the block's address there.
            unsafe { payload.cast::<*mut u8>().sub(1).read_unaligned() }
        };
        // SAFETY: the block came from the same allocator.
        unsafe { server_free(block) }
    }

    unsafe fn realloc(&self, payload: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that the new size fits the layout's alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if has!(RedisModule_Realloc) && alignment(layout) <= SURE && alignment(wanted) <= SURE {
            // SAFETY: the block came from the same allocator and is its payload.
            return unsafe { server_realloc(payload, size) };
        }
        // SAFETY: old and new block do not overlap, and the old one is freed with the layout that it has.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                ptr::copy_nonoverlapping(payload, new, layout.size().min(size));
                self.dealloc(payload, layout);
            }
            new
        }
    }
}
