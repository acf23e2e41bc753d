"""Operations of our own: a public function with its plain reference in NAME.py, C++ in NAME.cpp, CUDA in NAME.cu."""
