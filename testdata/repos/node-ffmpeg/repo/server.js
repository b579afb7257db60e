const ffmpeg = require("fluent-ffmpeg");
const http = require("http");

// A tone in the format of the path, such as /mp3, and what ffprobe says of it.
function beep(format, done) {
  const file = `/tmp/beep.${format}`;
  ffmpeg("sine=frequency=880:duration=0.2")
    .inputFormat("lavfi")
    .on("error", done)
    .on("end", () => ffmpeg.ffprobe(file, (err, data) => done(err, data && data.streams[0].codec_name)))
    .save(file);
}

http
  .createServer((request, response) => {
    if (request.url === "/health") return response.end("ok");
    beep(request.url.slice(1) || "mp3", (err, codec) => {
      response.statusCode = err ? 500 : 200;
      response.end(err ? err.message : codec);
    });
  })
  .listen(process.env.PORT || 3000);
