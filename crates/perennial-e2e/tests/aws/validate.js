// Validates SNS messages, one a line, with the validator that AWS's SDK team made. Arguments: where
// it is installed, and the host whose certificates are trusted.
const [folder, host] = process.argv.slice(2);
const Validator = require(folder + "/node_modules/sns-validator");
const pattern = new RegExp("^" + host.replace(/[.]/g, "\\.") + "$");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  new Validator(pattern).validate(line, (error) => console.log(error ? error.message : "valid"));
});
