/**
 * What tests of every module share: a toy model with honest and dishonest drafters, a verifier that checks every row it
 * is given, the matrix that compares speculative with autoregressive decoding, fixtures, and waiting with a deadline.
 */
package dev.layermesh.testkit;
