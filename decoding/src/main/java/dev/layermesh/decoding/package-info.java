/**
 * What speculative decoding <em>is</em>: the values that drafter and verifier exchange, the acceptance rule and the
 * token log. The loop and its ports are in {@link dev.layermesh.decoding.loop}. Depends on the JDK alone.
 *
 * <p>Words used throughout: a session's <em>committed</em> tokens occupy positions {@code 0..n-1}; the last of them is
 * <em>pending</em>, that is, not yet run through any layer, so both sides cache {@code n-1} positions between rounds. A
 * <em>row</em> is one position run through layers. {@code p} is the target's distribution, {@code q} the draft's.
 */
package dev.layermesh.decoding;
