/** The draft worker. */
package dev.layermesh.draft;
