// A noun.
#pragma once
// See /work/notes.md.
