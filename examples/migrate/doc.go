// Package migrate has the tests of the pages in this folder. README.md moves a program to
// bearerguard from six other libraries. COMPARISON.md compares the features.
//
// The folder of each library has two programs, before and after. Package requests sends
// both the same requests.
package migrate
