#pragma once
class Noun {};
