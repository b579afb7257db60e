// Package contents looks into the layers of an image for its gates: what it weighs and
// wastes, whether structure tests hold. It reads indexes of layers and files of rules
// that it is given, and starts nothing itself.
//
//	contents.Weigh(&img, layers)
//	tests, err := contents.ReadStructure("structure.yaml", data)
//	results, err := tests.Run(ctx, contents.View{Image: &img, Tree: layer.Merge(layers)})
package contents

// codeFile is the finding of a file of structure tests or rules that cannot be read.
const codeFile = "SLP626"
