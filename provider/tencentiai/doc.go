// Package tencentiai implements Tencent Cloud's face recognition (iai), version
// 2020-03-03, of which CompareFace says how alike two faces are. It compares
// the portrait on a chip with a face that a vendor captured and judged nothing
// about.
//
// Sources: https://cloud.tencent.com/document/product/867/44987 (CompareFace)
// and /32802, https://www.tencentcloud.com/document/api/1059/36981, and
// https://cloud.tencent.com/api/error-center?product=iai (codes).
//
// Limits: none are published; Config.Rate, default 20, is held in each
// process, because a comparison happens where the pictures are and has no task
// queue. A picture has at most 5 MB in base64, a short side of 64 px or more,
// and a long side of up to 4,000 px (JPEG) or 2,000 px (PNG, BMP).
//
// # What bites
//
//   - A picture can be given as an address too, and an address wins. None is
//     ever sent: a face would have to rest behind it.
//   - Scores of different face models cannot be compared, and old accounts get
//     the old model unless the new one is asked for. So 3.0 is asked for, and
//     an answer of any other model is none. The vendor's figures for 3.0: one
//     in 1,000 strangers scores above 40, in 10,000 above 50, in 100,000 above
//     60. The threshold is the policy's.
//   - An error does not tell which of the two pictures is meant, so both are
//     looked at here first. A chip's portrait is small (102 × 126 px) and may
//     be coded so that only a special decoder reads it; that is Incomparable.
//   - "No face in the picture" is no judgement of the person: nothing but a
//     score is.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - Whether a region must be named: Config.Region, empty by default.
//   - The rate: Config.Rate.
package tencentiai
