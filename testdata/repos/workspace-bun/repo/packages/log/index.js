module.exports = (text) => console.log(new Date().toISOString(), text)
