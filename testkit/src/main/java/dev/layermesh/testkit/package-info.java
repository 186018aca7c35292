/**
 * Shared by the tests of every module: a toy model with good and bad drafters, a verifier that checks every row it
 * is given, the matrix that compares speculative with autoregressive decoding, fixtures, and waiting with a deadline.
 */
package dev.layermesh.testkit;
