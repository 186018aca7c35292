/**
 * The verbs that a forward pass on the CPU is composed of, over arrays: a plain reference, and two families that agree
 * with each other to the last bit, one in Java's Vector API and one in C.
 */
package dev.layermesh.engine.cpu.kernels;
