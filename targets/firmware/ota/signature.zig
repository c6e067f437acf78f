//! ECDSA P-256 with SHA-256, from the standard library of the compiler that builds all of this.
const std = @import("std");
const Ecdsa = std.crypto.sign.ecdsa.EcdsaP256Sha256;

/// Whether `r_s` (two numbers of 32 bytes) is the signature of the message by the owner of the
/// public key `x_y` (likewise). Takes some 6 KiB of stack.
export fn signature_is_valid(
    message: [*]const u8,
    size: usize,
    r_s: *const [64]u8,
    x_y: *const [64]u8,
) bool {
    const uncompressed = [1]u8{4} ++ x_y.*;
    const key = Ecdsa.PublicKey.fromSec1(&uncompressed) catch return false;
    const signature = Ecdsa.Signature.fromBytes(r_s.*);
    signature.verify(message[0..size], key) catch return false;
    return true;
}

pub const panic = std.debug.no_panic;
