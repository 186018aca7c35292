/** The verify worker. */
package dev.layermesh.verify;
